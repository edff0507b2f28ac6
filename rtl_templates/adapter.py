"""Width adapter: the elements of a stream in beats of another size."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, fewest_places, serve
from .path import Path, select_levels
from .pipeline import select
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
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
    def widens(self) -> bool:
        """Whether an output beat is several whole input beats."""
        return self.units_in == 1 < self.units_out

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The register in which the units are collected, the queue."""
        return 2 if self.widens and self.depth != 1 else 1

    @property
    def queue_latency(self) -> int:
        return 1

    @property
    def resources(self) -> Resources:
        out, depth = self.outputs[0].width, self.depth or 2
        if self.widens:
            own = Resources(lut=3, ff=out + (self.units_out - 1).bit_length() + 1)
            if depth <= 2:
                return own + Resources(lut=2, ff=out + 1) * (depth - 1)
            return own + Resources(lut=2) + queue_resources(out, depth - 1)
        # A LUT selects one of four; wider ones come out worse than they might.
        mux = max(1.0, (0.36 if self.units_in <= 8 else 0.5) * self.units_in)
        own = Resources(lut=out * mux + 1, ff=(self.units_in - 1).bit_length())
        if self.units_out > 1:
            history = (self.units_out - 1) * self.unit * self.type.bits
            own += Resources(lut=1 + self.units_out, ff=history)
        return own + queue_resources(out, depth)

    @property
    def paths(self) -> tuple[Path, ...]:
        out, depth = self.outputs[0].width, self.depth or 2
        if self.widens:
            own = Path(what="units move on", luts=2, fanout=2 * out + 2, tail=True)
            return (own, *(queue_paths(out, depth - 1) if depth > 2 else ()))
        # The turn, or the offset, chooses the units that go into the queue's memory; the history
        # moves on with each input beat.
        history = (self.units_out - 1) * self.unit * self.type.bits
        levels = select_levels(self.units_in)
        chosen = Path(what="units chosen", luts=levels, choices=levels, fanout=out, tail=True)
        moves = Path(what="turn", luts=2, carry=self.units_out.bit_length()
                     if self.units_out > 8 else 0,
                     fanout=history + 4, tail=True)
        return (chosen, moves, *queue_paths(out, depth))

    @property
    def entry(self) -> Path:
        if self.widens:
            return Path(what="input")
        levels = select_levels(self.units_in)
        return Path(what="input", luts=levels, choices=levels, tail=True)

    @property
    def exit(self) -> str:
        return "register" if self.widens and self.depth in (None, 1, 2) else queue_source(
            self.outputs[0].width, (self.depth or 2) - self.widens)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.asarray(beats[0], dtype=np.int64).reshape(-1, self.lanes_out),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        # Input beat that brings the last unit of each output beat.
        ends = np.arange(1, frames * self.outputs[0].beats + 1) * self.units_out
        needed = (ends - 1) // self.units_in
        depth, hold = self.depth, self.queue_latency + 1
        if self.widens:
            start = self._collect(arrivals[0])
            return Timing((start,), (start[needed] + self.latency,))
        if self.units_in <= self.units_out:  # every input beat is taken at once
            emits = np.zeros(len(arrivals[0]), bool)
            emits[needed] = True
            start = serve(arrivals[0], depth=depth, hold=hold, emits=emits)
            return Timing((start,), (start[needed] + self.latency,))
        start = serve(arrivals[0][needed], depth=depth, hold=hold)
        final = np.searchsorted(needed, np.arange(len(arrivals[0])), side="right") - 1
        return Timing((start[final],), (start + self.latency,))

    def _collect(self, arrivals: np.ndarray) -> np.ndarray:
        """When the input beats are taken that are collected for wider ones."""
        service = np.ones(len(arrivals), dtype=np.int64)
        if self.depth == 1:  # the first one waits for the beat before it to leave
            service[self.units_out - 1 :: self.units_out] = 2
        return serve(arrivals, service)

    def places(self, timing: Timing, port: int, consumed: np.ndarray) -> int:
        if not self.widens:
            return super().places(timing, port, consumed)
        # Of the beat that is being collected, too; it moves on as the one before it leaves.
        return fewest_places(timing.consumed[0][:: self.units_out], consumed)

    def create(self) -> Adapter:
        return Adapter(self)


class Adapter(BlockComponent[AdapterParams]):
    """Width adapter; one beat a cycle on the side with more beats.

    An output beat is cut out of the input beat and the last units before it. A wide input beat
    stays where it is until the output beat that reaches past its end; a narrow one is taken at
    once.

    Members
    -------
    i : In(stream of lanes_in elements)
    o : Out(stream of lanes_out elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        if p.widens:
            self._collect(m)
            return m
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth or 2)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        if p.units_out == 1 < p.units_in:
            self._take_out(m, queue)
            return m
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
        """Units move through a register; when it is full, they move on together."""
        p = self.params
        width = p.type.bits * p.unit
        units = [Signal(width, name=f"unit_{k}", reset_less=True) for k in range(p.units_out)]
        ring = Ring(p.units_out)
        count = ring.signal("count")
        full = Signal()
        taken = Signal()
        moves = Signal()
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        with m.If(taken):
            m.d.sync += count.eq(ring.after(count))
            m.d.sync += [unit.eq(later) for unit, later in
                         zip(units, [*units[1:], self.i.payload.as_value()], strict=True)]
        with m.If(taken | moves):
            m.d.sync += full.eq(taken & (count == ring.states()[-1]))

        if p.depth == 1:
            m.d.comb += [
                self.i.ready.eq(~full),
                self.o.valid.eq(full),
                self.o.payload.eq(Cat(units)),
                moves.eq(full & self.o.ready),
            ]
            return
        if p.depth in (None, 2):
            valid = Signal()
            payload = Signal(p.outputs[0].layout, reset_less=True)
            m.d.comb += [
                self.i.ready.eq(~full | ~valid),
                self.o.valid.eq(valid),
                self.o.payload.eq(payload),
                moves.eq(full & (self.o.ready | ~valid)),
            ]
            with m.If(moves):
                m.d.sync += [payload.eq(Cat(units)), valid.eq(1)]
            with m.Elif(self.o.ready):
                m.d.sync += valid.eq(0)
            return
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth - 1)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += [
            self.i.ready.eq(~full | queue.i.ready),
            queue.i.valid.eq(full),
            queue.i.payload.eq(Cat(units)),
            moves.eq(full & queue.i.ready),
        ]

    def _take_out(self, m: Module, queue: Queue) -> None:
        """Units leave one by one; the beat stays at the input until the last one does."""
        p = self.params
        ring = Ring(p.units_in)
        turn = ring.signal("turn")
        width = p.type.bits * p.unit
        word = self.i.payload.as_value()
        units = [word[:width]] * (1 << ring.bits)
        for k, state in enumerate(ring.states()):
            units[state] = word[k * width : (k + 1) * width]
        m.d.comb += [
            queue.i.valid.eq(self.i.valid),
            queue.i.payload.eq(select(units, turn)),
            self.i.ready.eq(queue.i.ready & (turn == ring.states()[-1])),
        ]
        with m.If(self.i.valid & queue.i.ready):
            m.d.sync += turn.eq(ring.after(turn))

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
