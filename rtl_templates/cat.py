"""Concatenation of streams along the channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat as Bits
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, select_levels
from .pipeline import recode, select
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
from .ring import Loop, loop_resources
from .types import IntType
from .validation import check_one_of, check_positive, check_recoding, divisors

__all__ = ["Cat", "CatParams"]


@dataclass(frozen=True, kw_only=True)
class CatParams(BlockParams):
    """Position by position, the channels of the first input, then of the second, and so on.

    Parameters
    ----------
    input_types : tuple of IntType
    output_type : IntType
        Must hold all inputs; elements are re-encoded.
    channels : tuple of int
        Channels of each input.
    lanes : int
        Elements a beat, of each input and the output; divides every channel count.
    positions_per_frame : int

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_types: tuple[IntType, ...]
    output_type: IntType
    channels: tuple[int, ...]
    lanes: int = 1
    positions_per_frame: int = 1
    depth: int | None = None

    kind = "cat"

    def __post_init__(self) -> None:
        check_positive(inputs=len(self.input_types), positions_per_frame=self.positions_per_frame)
        if len(self.channels) != len(self.input_types) or min(self.channels) < 1:
            raise ValueError(f"channels must be {len(self.input_types)} positive integers, "
                             f"not {self.channels!r}")
        for type_ in self.input_types:
            check_recoding(type_, self.output_type)
        check_one_of("lanes", self.lanes, divisors(int(np.gcd.reduce(self.channels))))

    @property
    def folds(self) -> tuple[int, ...]:
        """Beats of a position, by input."""
        return tuple(n // self.lanes for n in self.channels)

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return tuple(StreamShape(t, self.lanes, n * self.positions_per_frame)
                     for t, n in zip(self.input_types, self.folds, strict=True))

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        beats = sum(self.folds) * self.positions_per_frame
        return (StreamShape(self.output_type, self.lanes, beats),)

    @property
    def cycles(self) -> int:
        return self.outputs[0].beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    @property
    def resources(self) -> Resources:
        out, count = self.outputs[0].width, len(self.input_types)
        total = Resources(lut=1 + 1.5 * count + out * max(1, 0.3 * count), ff=2)
        for folds in self.folds:
            total += loop_resources(folds, 1)
        return total + queue_resources(out, self.depth or 2)

    @property
    def paths(self) -> tuple[Path, ...]:
        out, count = self.outputs[0].width, len(self.input_types)
        levels = select_levels(count)
        return (Path(what="source chosen", luts=levels, fanout=out),
                Path(what="turn", luts=3 + levels, fanout=count + 4),
                *queue_paths(out, self.depth or 2))

    @property
    def entry(self) -> Path:
        return Path(what="input", luts=select_levels(len(self.input_types)))

    @property
    def exit(self) -> str:
        return queue_source(self.outputs[0].width, self.depth or 2)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        parts = [np.asarray(x, dtype=np.int64).reshape(self.positions_per_frame, -1)
                 for x in beats]
        return (np.concatenate(parts, axis=1).reshape(-1, self.lanes),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        positions = frames * self.positions_per_frame
        ready = np.concatenate([a.reshape(positions, -1) for a in arrivals], axis=1)
        start = serve(ready.reshape(-1), depth=self.depth, hold=self.latency + 1)
        parts = np.split(start.reshape(positions, -1), np.cumsum(self.folds)[:-1], axis=1)
        return Timing(tuple(part.reshape(-1) for part in parts), (start + self.latency,))

    def create(self) -> Cat:
        return Cat(self)


class Cat(BlockComponent[CatParams]):
    """Concatenation; one output beat a cycle, latency 1 cycle.

    Members
    -------
    i, i_1, ... : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth or 2)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        count = len(p.input_types)
        source = Signal(range(max(2, count)))  # whose turn it is
        changes = Signal()
        offers: list[Value] = []
        codes: list[Value] = []
        for k, (type_, folds) in enumerate(zip(p.input_types, p.folds, strict=True)):
            port = getattr(self, f"i_{k}" if k else "i")
            turn = Signal(name=f"turn_{k}")
            moves = Signal(name=f"moves_{k}")
            m.d.comb += [
                turn.eq(source == k),
                port.ready.eq(turn & queue.i.ready),
                moves.eq(port.ready & port.valid),
            ]
            with m.If(moves & Loop(m, f"fold_{k}", folds, moves).last):
                m.d.comb += changes.eq(1)
            offers.append(port.valid)
            codes.append(Bits(recode(port.payload[lane], type_, p.output_type)
                              for lane in range(p.lanes)))
        with m.If(changes):
            m.d.sync += source.eq(Mux(source == count - 1, 0, source + 1))
        m.d.comb += [
            queue.i.valid.eq(select(offers, source)),
            queue.i.payload.eq(select(codes, source)),
        ]
        return m
