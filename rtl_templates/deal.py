"""Dealing: runs of beats to several streams in turn, the inverse of a concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, and_levels, select_levels
from .pipeline import select
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
from .ring import Loop, loop_resources
from .validation import check_divisor, check_positive

__all__ = ["Deal", "DealParams"]


@dataclass(frozen=True, kw_only=True)
class DealParams(BlockParams):
    """``run`` beats to the first output, as many to the second, and so on, and again.

    Parameters
    ----------
    stream : StreamShape
        Its beats are whole rounds.
    parts : int
        Outputs, at least 1.
    run : int
        Beats of a turn.
    depths : tuple of int, or None
        Places behind each output; None: two, enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together.
    """

    stream: StreamShape
    parts: int
    run: int
    depths: tuple[int, ...] | None = None

    kind = "deal"

    def __post_init__(self) -> None:
        check_positive(parts=self.parts, run=self.run)
        check_divisor("parts * run", self.parts * self.run, self.stream.beats)
        if self.depths is not None and (len(self.depths) != self.parts or min(self.depths) < 1):
            raise ValueError(
                f"depths must be {self.parts} positive integers, not {self.depths!r}")

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (replace(self.stream, beats=self.stream.beats // self.parts),) * self.parts

    @property
    def cycles(self) -> int:
        return self.stream.beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    @property
    def queue_bits(self) -> int:
        return self.stream.width * sum(self.depths or (2,) * self.parts)

    @property
    def resources(self) -> Resources:
        total = Resources(lut=1 + 1.5 * self.parts, ff=(self.parts - 1).bit_length())
        total += loop_resources(self.run, 1)
        for depth in self.depths or (2,) * self.parts:
            total += queue_resources(self.stream.width, depth)
        return total

    def _turns(self, frames: int) -> np.ndarray:
        """Output of each beat."""
        turn = np.repeat(np.arange(self.parts), self.run)
        return np.tile(turn, frames * self.stream.beats // len(turn))

    @property
    def paths(self) -> tuple[Path, ...]:
        width, depths = self.stream.width, self.depths or (2,) * self.parts
        run = (self.run - 1).bit_length()
        turn = Path(what="turn", luts=2 + select_levels(self.parts) + and_levels(run) // 2,
                    fanout=self.parts + run + 2, tail=True)
        return (turn, *(path for depth in depths for path in queue_paths(width, depth)))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    @property
    def exit(self) -> str:
        return queue_source(self.stream.width, max(self.depths or (2,)))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x, turns = np.asarray(beats[0], dtype=np.int64), self._turns(1)
        return tuple(x[turns == k] for k in range(self.parts))

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        turns = self._turns(frames)
        # A register behind an output takes a beat every other cycle.
        slow = np.array([depth == 1 for depth in self.depths or (2,) * self.parts])
        again = np.append(turns[1:] == turns[:-1], False)
        start = serve(arrivals[0], 1 + (again & slow[turns]))
        return Timing((start,), tuple(start[turns == k] + self.latency
                                      for k in range(self.parts)))

    def with_depths(self, depths: Sequence[int]) -> DealParams:
        return replace(self, depths=tuple(depths))

    def create(self) -> Deal:
        return Deal(self)


class Deal(BlockComponent[DealParams]):
    """Dealing; one beat a cycle, every other cycle to an output of depth 1; latency 1 cycle.

    Members
    -------
    i : In(stream)
    o, o_1, ... : Out(stream)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        turn = Signal(range(max(2, p.parts)))
        step = Signal()
        rooms = []
        for k, depth in enumerate(p.depths or (2,) * p.parts):
            m.submodules[f"queue_{k}"] = queue = Queue(p.stream.layout, depth)
            wiring.connect(m, queue.o, wiring.flipped(getattr(self, f"o_{k}" if k else "o")))
            m.d.comb += [
                queue.i.payload.eq(self.i.payload),
                queue.i.valid.eq(self.i.valid & (turn == k)),
            ]
            rooms.append(queue.i.ready)
        m.d.comb += [
            self.i.ready.eq(select(rooms, turn)),
            step.eq(self.i.valid & self.i.ready),
        ]
        with m.If(step & Loop(m, "beat", p.run, step).last):
            m.d.sync += turn.eq(Mux(turn == p.parts - 1, 0, turn + 1))
        return m
