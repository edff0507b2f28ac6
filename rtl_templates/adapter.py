"""Width adapter: the elements of a stream in beats of another size."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring

from .block import BlockParams, StreamShape, Timing, serve, stream_ports
from .pipeline import select
from .queue import Queue
from .ring import Ring
from .types import IntType
from .validation import check_divisor, check_positive

__all__ = ["Adapter", "AdapterParams"]


@dataclass(frozen=True, kw_only=True)
class AdapterParams(BlockParams):
    """The same elements in the same order, ``lanes_out`` instead of ``lanes_in`` a beat.

    Parameters
    ----------
    type : IntType
    lanes_in, lanes_out : int
        Each divides ``elements``; in any ratio.
    elements : int
        Elements a frame.

    depth : int or None
        Beats kept behind the input; None: enough for one beat a cycle. Where each output beat
        is several whole input beats, that counts the one that is being collected.

    Raises
    ------
    ValueError
        If the lanes do not divide the elements; the text lists the legal ones.
    """

    type: IntType
    lanes_in: int
    lanes_out: int
    elements: int
    depth: int | None = None

    kind = "adapter"

    def __post_init__(self) -> None:
        check_positive(elements=self.elements)
        check_divisor("lanes_in", self.lanes_in, self.elements)
        check_divisor("lanes_out", self.lanes_out, self.elements)

    @property
    def unit(self) -> int:
        """Elements that always stay together: the greatest common divisor of the lanes."""
        return gcd(self.lanes_in, self.lanes_out)

    @property
    def units_in(self) -> int:
        """Units of an input beat."""
        return self.lanes_in // self.unit

    @property
    def units_out(self) -> int:
        """Units of an output beat."""
        return self.lanes_out // self.unit

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.type, self.lanes_in, self.elements // self.lanes_in),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.type, self.lanes_out, self.elements // self.lanes_out),)

    @property
    def cycles(self) -> int:
        return max(self.inputs[0].beats, self.outputs[0].beats)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.asarray(beats[0], dtype=np.int64).reshape(-1, self.lanes_out),)

    @property
    def collects(self) -> bool:
        """Whether the output register of depth 1 is where the units are collected, too."""
        return self.depth == 1 and self.units_in == 1 < self.units_out

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        # Input beat that brings the last unit of each output beat.
        ends = np.arange(1, frames * self.outputs[0].beats + 1) * self.units_out
        needed = (ends - 1) // self.units_in
        if self.collects:
            # The first part of a beat waits for the beat before it to leave.
            service = np.ones(len(arrivals[0]), dtype=np.int64)
            service[needed] = self.latency + 1
            start = serve(arrivals[0], service)
            return Timing((start,), (start[needed] + self.latency,))
        depth = self.depth
        if self.units_in <= self.units_out:  # every input beat is taken at once
            if self.units_in == 1 and depth is not None:
                depth -= 1  # one beat's place is where its units are collected
            emits = np.zeros(len(arrivals[0]), bool)
            emits[needed] = True
            start = serve(arrivals[0], depth=depth, hold=self.latency + 1, emits=emits)
            return Timing((start,), (start[needed] + self.latency,))
        start = serve(arrivals[0][needed], depth=depth, hold=self.latency + 1)
        final = np.searchsorted(needed, np.arange(len(arrivals[0])), side="right") - 1
        return Timing((start[final],), (start + self.latency,))

    def places(self, timing: Timing, port: int, consumed: np.ndarray) -> int:
        fewest = super().places(timing, port, consumed)
        if self.units_in > 1 or self.units_out == 1:
            return fewest
        first = timing.consumed[0][:: self.units_out]
        return 1 if (first[1:] > consumed[:-1]).all() else fewest + 1

    def create(self) -> Adapter:
        return Adapter(self)


class Adapter(wiring.Component):
    """Width adapter; one beat a cycle on the side with more beats, latency 1 cycle.

    An output beat is cut out of the input beat and the last units before it. A wide input beat
    stays where it is until the output beat that reaches past its end; a narrow one is taken at
    once.

    Parameters
    ----------
    params : AdapterParams

    Members
    -------
    i : In(stream of lanes_in elements)
    o : Out(stream of lanes_out elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: AdapterParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        if p.collects:
            self._collect(m)
            return m
        depth = p.depth or 2
        if p.depth is not None and p.units_in == 1 < p.units_out:
            depth -= 1  # one beat's place is where its units are collected
        m.submodules.queue = queue = Queue(p.outputs[0].layout, depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        # Units in order: the last ones taken, then those of the beat at the input. The window of
        # an output beat can begin at ``units_in`` places, the first unit of ``history`` onwards.
        width = p.type.bits * p.unit
        word = self.i.payload.as_value()
        present = [word[k * width : (k + 1) * width] for k in range(p.units_in)]
        history = [Signal(width, name=f"unit_{k}", reset_less=True)
                   for k in range(p.units_out - 1)]
        units = [*history, *present]
        offset, emits, takes = self._control(m, queue.i.ready)
        m.d.comb += [
            queue.i.valid.eq(emits & self.i.valid),
            queue.i.payload.eq(Cat(select(units[k : k + p.units_in], offset)
                                   for k in range(p.units_out))),
            self.i.ready.eq(takes),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [unit.eq(later) for unit, later in
                         zip(history, units[p.units_in :], strict=True)]
        return m

    def _collect(self, m: Module) -> None:
        """Units move through the output register; it takes none while it is full."""
        p = self.params
        width = p.type.bits * p.unit
        units = [Signal(width, name=f"unit_{k}", reset_less=True) for k in range(p.units_out)]
        ring = Ring(p.units_out)
        count, full = ring.signal("count"), Signal()
        m.d.comb += [
            self.i.ready.eq(~full),
            self.o.valid.eq(full),
            self.o.payload.eq(Cat(units)),
        ]
        with m.If(full):
            m.d.sync += full.eq(~self.o.ready)
        with m.Elif(self.i.valid):
            m.d.sync += [full.eq(count == ring.states()[-1]), count.eq(ring.after(count))]
            m.d.sync += [unit.eq(later) for unit, later in
                         zip(units, [*units[1:], self.i.payload.as_value()], strict=True)]

    def _control(self, m: Module, room: Value) -> tuple[Value, Value, Value]:
        """Where the window begins, whether an output beat is whole, whether the input is taken."""
        p = self.params
        a, b = p.units_in, p.units_out
        if a <= b:
            # ``level`` units of the history wait for an output beat.
            level = Signal(range(b))
            emits = Signal()
            m.d.comb += emits.eq(level >= b - a)
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += level.eq(level + a - Mux(emits, b, 0))
            # Level + a - b units at the input are left over, the b before them go out.
            offset = Signal(range(a))
            m.d.comb += offset.eq(b - 1 - level)
            return offset, emits, room | ~emits
        offset = Signal(range(a), init=b - 1)
        ends = Signal()
        m.d.comb += ends.eq(offset >= a - b)
        with m.If(self.i.valid & room):
            m.d.sync += offset.eq(offset + b - Mux(ends, a, 0))
        return offset, Const(1), room & ends  # every cycle with an input beat fills an output beat
