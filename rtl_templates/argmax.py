"""Index of the largest channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value

from .block import BlockComponent, StreamShape
from .nest import loop_paths
from .path import Path
from .pipeline import PipelineParams, counter, delay, issue
from .queue import credit_paths, credit_resources
from .resources import Resources, counter_sites
from .types import IntType
from .validation import check_divisor, check_positive

__all__ = ["ArgMax", "ArgMaxParams"]


@dataclass(frozen=True, kw_only=True)
class ArgMaxParams(PipelineParams):
    """Index of the largest channel of each position, the first of equals.

    Parameters
    ----------
    input_type : IntType
    channels : int
    lanes : int
        Channels an input beat; divides ``channels``. An output beat is one index.
    positions_per_frame : int
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the lanes do not divide the channels; the text lists the legal ones.
    """

    input_type: IntType
    channels: int
    lanes: int = 1
    positions_per_frame: int = 1

    kind = "argmax"

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, positions_per_frame=self.positions_per_frame)
        check_divisor("lanes", self.lanes, self.channels)

    @property
    def output_type(self) -> IntType:
        """Narrowest unsigned type that holds every index."""
        return IntType.for_range(0, self.channels - 1)

    @property
    def folds(self) -> int:
        """Beats that bring the channels of one position."""
        return self.channels // self.lanes

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.input_type, self.lanes, self.positions_per_frame * self.folds),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, 1, self.positions_per_frame),)

    @property
    def emits(self) -> np.ndarray:
        return np.arange(self.inputs[0].beats) % self.folds == self.folds - 1

    @property
    def levels(self) -> int:
        """Levels of comparisons between the lanes of a beat."""
        return (self.lanes - 1).bit_length()

    @property
    def pipeline(self) -> int:
        """Operand, one cycle a level of comparisons between lanes, running best."""
        return 1 + self.levels + 1

    @property
    def resources(self) -> Resources:
        bits, index = self.input_type.bits, self.output_type.bits
        comparison = bits / 2 + (bits > 4)
        tree, lanes = Resources(), self.lanes
        for level in range(self.levels):
            # The larger of two lanes and its number are chosen and kept; an odd one is kept.
            merged = lanes // 2
            tree += Resources(lut=merged * (comparison + bits + level),
                              ff=(lanes - merged) * (bits + level) + merged)
            lanes -= merged
        running = Resources(lut=comparison + index + counter_sites(self.folds) + index,
                            ff=bits + 2 * index + self.pipeline)
        fold_bits = (self.folds - 1).bit_length()
        return (tree + running
                + credit_resources(index, self.pipeline, self.depth)
                + Resources(lut=2 + counter_sites(self.folds),
                            ff=2 * fold_bits + bits * self.lanes + self.pipeline))

    @property
    def paths(self) -> tuple[Path, ...]:
        bits, index = self.input_type.bits, self.output_type.bits
        return (Path(what="running best", luts=1, carry=bits, fanout=bits + index, tail=True),
                Path(what="lanes compared", luts=1, carry=bits, fanout=bits + self.levels + 1),
                *loop_paths((self.folds - 1).bit_length()),
                *credit_paths(index, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(-1, self.channels)
        return (x.argmax(axis=1).astype(np.int64).reshape(-1, 1),)

    def create(self) -> ArgMax:
        return ArgMax(self)


class ArgMax(BlockComponent[ArgMaxParams]):
    """Index of the largest channel; see :class:`ArgMaxParams`.

    One input beat a cycle, latency ``params.latency`` cycles from a position's last beat.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of one index)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        fold, fold_last = counter(m, "fold", p.folds, go)
        queue = issue(m, go, [self.i], self.o, p.pipeline, fold_last, p.depth)
        steps = p.pipeline - 1
        # Best of the lanes, and the index of the beat's first channel.
        value, lane = self._best_lane(m, [delay(m, f"operand_{k}", self.i.payload[k])
                                          for k in range(p.lanes)])
        running = delay(m, "running", go, steps, reset=True)
        first = delay(m, "first", fold == 0, steps)
        base = Signal(p.output_type.shape)
        _, base_last = counter(m, "base_fold", p.folds, running)
        with m.If(running):
            m.d.sync += base.eq(Mux(base_last, 0, base + p.lanes))

        best = Signal(p.input_type.shape, reset_less=True)
        index = Signal(p.output_type.shape, reset_less=True)
        with m.If(running & (first | (value > best))):
            m.d.sync += [best.eq(value), index.eq(base + lane)]
        m.d.comb += queue.payload.eq(index)
        return m

    def _best_lane(self, m: Module, values: Sequence[Value]) -> tuple[Value, Value]:
        """Largest value and its lane, :attr:`ArgMaxParams.levels` cycles later."""
        best: list[tuple[Value, Value]] = [
            (value, Const(k, range(self.params.lanes))) for k, value in enumerate(values)
        ]
        level = 0
        while len(best) > 1:
            merged: list[tuple[Value, Value]] = []
            for k in range(0, len(best), 2):
                value, lane = best[k]
                if k + 1 < len(best):  # the later one only if it is larger: first of equals
                    other, other_lane = best[k + 1]
                    larger = other > value
                    value, lane = Mux(larger, other, value), Mux(larger, other_lane, lane)
                name = f"{level}_{k // 2}"
                merged.append((delay(m, f"value_{name}", value), delay(m, f"lane_{name}", lane)))
            best, level = merged, level + 1
        return best[0]
