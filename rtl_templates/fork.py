"""Fork: one stream to several consumers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, ValueLike
from amaranth.lib import data, wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, and_levels
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
from .validation import check_positive

__all__ = ["Fork", "ForkParams"]


@dataclass(frozen=True, kw_only=True)
class ForkParams(BlockParams):
    """Every beat, or some of its elements, to each of several outputs.

    Parameters
    ----------
    stream : StreamShape
    copies : int
        Outputs, at least 1.
    lanes : tuple of tuple of int, or None
        Lanes of the input that each output has, in its order; None: all of them.
    depths : tuple of int, or None
        Places behind each output; None: two, enough for one beat a cycle. Outputs of depth 1
        share one register.
    """

    stream: StreamShape
    copies: int = 2
    depths: tuple[int, ...] | None = None
    lanes: tuple[tuple[int, ...], ...] | None = None

    kind = "fork"

    def __post_init__(self) -> None:
        check_positive(copies=self.copies)
        if self.depths is not None and (len(self.depths) != self.copies or min(self.depths) < 1):
            raise ValueError(
                f"depths must be {self.copies} positive integers, not {self.depths!r}")
        if self.lanes is not None and (len(self.lanes) != self.copies or not all(
                lanes and set(lanes) <= set(range(self.stream.lanes)) for lanes in self.lanes)):
            raise ValueError(f"lanes must be {self.copies} choices of {self.stream.lanes} lanes, "
                             f"not {self.lanes!r}")

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        if self.lanes is None:
            return (self.stream,) * self.copies
        return tuple(replace(self.stream, lanes=len(lanes)) for lanes in self.lanes)

    @property
    def cycles(self) -> int:
        return self.stream.beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    @property
    def queue_bits(self) -> int:
        depths = self.depths or (2,) * self.copies
        # Queues of one place share their payload.
        return self.stream.width * (sum(d for d in depths if d > 1) + (1 in depths))

    @property
    def resources(self) -> Resources:
        depths = self.depths or (2,) * self.copies
        total, shared = Resources(lut=1), depths.count(1)
        if shared:
            total += Resources(lut=shared - 0.5, ff=self.stream.width + shared)
        for shape, depth in zip(self.outputs, depths, strict=True):
            if depth > 1:
                total += queue_resources(shape.width, depth)
        return total

    @property
    def paths(self) -> tuple[Path, ...]:
        width, depths = self.stream.width, self.depths or (2,) * self.copies
        # Room of all outputs, and what each then does.
        taken = Path(what="room of all outputs", luts=1 + and_levels(2 * self.copies),
                     fanout=width + self.copies, tail=True)
        return (taken, *(path for shape, depth in zip(self.outputs, depths, strict=True)
                         if depth > 1 for path in queue_paths(shape.width, depth)))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    @property
    def exit(self) -> str:
        return queue_source(self.stream.width, max(self.depths or (2,)))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64)
        return tuple(x if self.lanes is None else x[:, lanes]
                     for lanes in self.lanes or (None,) * self.copies)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        depth = None if self.depths is None else min(self.depths)
        start = serve(arrivals[0], depth=depth, hold=self.latency + 1)
        return Timing((start,), (start + self.latency,) * self.copies)

    def with_depths(self, depths: Sequence[int]) -> ForkParams:
        return replace(self, depths=tuple(depths))

    def create(self) -> Fork:
        return Fork(self)


class Fork(BlockComponent[ForkParams]):
    """Fork; one beat a cycle, every other cycle with an output of depth 1; latency 1 cycle.

    A beat is taken when every output has room for it.

    Members
    -------
    i : In(stream)
    o, o_1, ... : Out(stream)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        depths = p.depths or (2,) * p.copies
        room = Signal()
        rooms = []
        shared = []
        for k, depth in enumerate(depths):
            port = getattr(self, f"o_{k}" if k else "o")
            if depth == 1:
                shared.append(k)
                continue
            m.submodules[f"queue_{k}"] = queue = Queue(p.outputs[k].layout, depth)
            wiring.connect(m, queue.o, wiring.flipped(port))
            m.d.comb += [
                queue.i.payload.eq(self._part(self.i.payload, k)),
                queue.i.valid.eq(self.i.valid & room),
            ]
            rooms.append(queue.i.ready)
        if shared:
            rooms.append(self._register(m, shared, self.i.valid & room))
        m.d.comb += [
            room.eq(Cat(rooms).all()),
            self.i.ready.eq(room),
        ]
        return m

    def _part(self, payload: data.View, output: int) -> ValueLike:
        """What an output has of a payload."""
        lanes = self.params.lanes
        return payload if lanes is None else Cat(payload[lane] for lane in lanes[output])

    def _register(self, m: Module, outputs: list[int], put: Value) -> Value:
        """One register for several outputs; whether all of them have taken its beat."""
        ports = [getattr(self, f"o_{k}" if k else "o") for k in outputs]
        payload = Signal(self.params.stream.layout, reset_less=True)
        waiting = Signal(len(ports))
        empty = Signal()
        m.d.comb += empty.eq(~waiting.any())
        with m.If(empty):
            m.d.sync += [payload.eq(self.i.payload), waiting.eq(put.replicate(len(ports)))]
        with m.Else():
            m.d.sync += waiting.eq(waiting & ~Cat(port.ready for port in ports))
        for k, (output, port) in enumerate(zip(outputs, ports, strict=True)):
            m.d.comb += [port.payload.eq(self._part(payload, output)), port.valid.eq(waiting[k])]
        return empty
