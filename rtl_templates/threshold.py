"""Thresholds: a step function per channel, by pipelined binary search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value

from .block import BlockComponent
from .elementwise import ElementwiseParams
from .nest import loop_paths
from .path import Path, table_levels
from .pipeline import counter, decode, delay, issue, pack
from .queue import credit_paths, credit_resources
from .resources import Resources, counter_sites
from .rom import cheapest_memory, look_up, plan_rom, read_rom, rom_latency, rom_resources
from .types import IntType
from .validation import check_int_array, check_one_of

__all__ = ["Threshold", "ThresholdParams"]

UNREGISTERED = 8
"""Words of a table that is part of the comparison's own LUTs: two bits of the operand and three of
the address make the five inputs of a site."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ThresholdParams(ElementwiseParams):
    """Step function ``base + step * sum(x >= thresholds[c])``.

    The step is 2 for a bipolar output, else 1. Where ``descending[c]`` is set, the function
    falls: ``base + step * (steps - sum(x >= thresholds[c]))``.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold ``base`` and ``base + step * steps``. Bipolar: one step, base -1.
    thresholds : array of int, (channels or 1, steps)
        Ascending in each row; one row serves all channels. A threshold may lie outside the input
        type's range: it is then always or never reached.
    base : int
    descending : array of bool, (rows,), or None
    lanes, channels, positions_per_frame, depth
        See :class:`.ElementwiseParams`.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    thresholds: np.ndarray
    base: int = 0
    descending: np.ndarray | None = None

    kind = "threshold"

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = check_int_array("thresholds", self.thresholds, 2)
        object.__setattr__(self, "thresholds", rows)
        check_one_of("rows of thresholds", len(rows), (1, self.channels))
        if rows.shape[1] < 1 or np.any(np.diff(rows, axis=1) < 0):
            raise ValueError(f"thresholds must be ascending and at least one a row, not {rows!r}")
        if self.descending is not None:
            falling = np.asarray(self.descending)
            if falling.shape != (len(rows),) or falling.dtype != bool:
                raise ValueError(f"descending must be {len(rows)} bools, not {falling!r}")
        top = self.base + self.step * rows.shape[1]
        if not self.output_type.contains(np.array([self.base, top])) or (
            self.output_type.bipolar and rows.shape[1] != 1
        ):
            raise ValueError(
                f"output_type must hold {self.base} to {top}, not {self.output_type}"
            )

    @property
    def step(self) -> int:
        """Height of a step."""
        return 2 if self.output_type.bipolar else 1

    @property
    def rows(self) -> int:
        """Rows of thresholds."""
        return int(self.thresholds.shape[0])

    @property
    def stages(self) -> int:
        """Comparisons of the binary search."""
        return int(self.thresholds.shape[1]).bit_length()

    @property
    def pipeline(self) -> int:
        """Operand, the stages, one for what remains to be added.

        A stage takes one cycle, and one or two more if its table has more than eight words.
        """
        stages = range(self.stages)
        return 1 + self.stages + sum(map(self.table_latency, stages)) + self.finishes

    def table_words(self, stage: int) -> int:
        """Words of a lane's table in a stage of the search."""
        return (self.folds if self.rows > 1 else 1) << stage

    def table_memory(self, stage: int) -> str | None:
        """Where a lane's table is kept, see :mod:`.rom`; None: in the LUTs of the comparison."""
        words = self.table_words(stage)
        return cheapest_memory(self.table_type.bits, words) if words > UNREGISTERED else None

    def table_latency(self, stage: int) -> int:
        """Cycles from the address of a stage's table to its threshold."""
        memory, words = self.table_memory(stage), self.table_words(stage)
        return 0 if memory is None else rom_latency(self.table_type.bits, words, memory)

    @property
    def finishes(self) -> bool:
        """Whether the count is not yet the output's code."""
        return bool(self.falling.any()) or not (self.output_type.bipolar or self.base == 0)

    @cached_property
    def falling(self) -> np.ndarray:
        """``descending`` as an array, one bool a row."""
        return np.zeros(self.rows, bool) if self.descending is None else self.descending

    @cached_property
    def tables(self) -> tuple[np.ndarray, ...]:
        """Thresholds by stage of the search: arrays (rows, 2 ** stage), addressed by prefix.

        A row is filled up to ``2 ** stages - 1`` thresholds: with unreachable ones, or, where the
        function falls, with some that are always reached. The inverted count is then the steps
        that are left.
        """
        lo, hi = self.input_type.lo, self.input_type.hi
        size = 1 << self.stages
        fill = np.where(self.falling, lo, hi + 1)
        pad = np.repeat(fill[:, None], size - 1 - self.thresholds.shape[1], axis=1)
        rows = np.sort(np.concatenate([np.clip(self.thresholds, lo, hi + 1), pad], axis=1), axis=1)
        tables = []
        for stage in range(self.stages):
            span = size >> stage
            tables.append(rows[:, span // 2 - 1 :: span])
        return tuple(tables)

    @cached_property
    def table_type(self) -> IntType:
        """Type of the tables' words."""
        return IntType.for_range(min(int(table.min()) for table in self.tables),
                                 max(int(table.max()) for table in self.tables))

    @property
    def resources(self) -> Resources:
        lane = Resources(ff=self.input_type.bits)
        for stage in range(self.stages):
            words, wait = self.table_words(stage), self.table_latency(stage)
            # A table within the comparison's LUTs takes the second output of some.
            merged = 0.5 if 1 < words <= UNREGISTERED else 0.0
            lane += Resources(lut=self.table_type.bits / 2 + 1 + merged,
                              ff=self.input_type.bits * (wait + (stage + 1 < self.stages))
                              + stage * (1 + wait) + 1)
            if memory := self.table_memory(stage):
                lane += rom_resources(self.table_type.bits, words, memory)
        bits = self.output_type.bits
        if self.finishes:
            lane += Resources(lut=bits, ff=bits)
        fold_bits = (self.table_words(0) - 1).bit_length()
        return (lane * self.lanes
                + credit_resources(bits * self.lanes, self.pipeline, self.depth)
                + Resources(lut=1 + counter_sites(self.table_words(0)),
                            ff=fold_bits * (1 + self.pipeline) + self.pipeline))

    @property
    def paths(self) -> tuple[Path, ...]:
        # A table of few words is in front of the comparison; its result passes a LUT behind.
        merged = any(1 < self.table_words(k) <= UNREGISTERED for k in range(self.stages))
        found = [Path(what="comparison", luts=1 + merged, carry=self.input_type.bits,
                      fanout=self.table_type.bits)]
        for stage in range(self.stages):
            words, memory = self.table_words(stage), self.table_memory(stage)
            if memory == "lut":
                found.append(Path(what="table of thresholds", luts=table_levels(words),
                                  fanout=self.table_type.bits))
            elif memory == "block":
                found.append(plan_rom(self.table_type.bits, words).path("table of thresholds"))
        if self.finishes:
            found.append(Path(what="count to code", luts=2, carry=self.output_type.bits))
        fold_bits = (self.table_words(0) - 1).bit_length()
        if fold_bits:
            found += loop_paths(fold_bits)
        return (*found, *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(-1, self.channels)
        count = np.zeros_like(x)
        for column in self.thresholds.T:
            count += x >= column
        count = np.where(self.falling, self.thresholds.shape[1] - count, count)
        return ((self.base + self.step * count).reshape(-1, self.lanes),)

    def create(self) -> Threshold:
        return Threshold(self)


class Threshold(BlockComponent[ThresholdParams]):
    """Step function per channel; see :class:`ThresholdParams` for what it computes.

    One beat a cycle. Every lane searches its count bit by bit, most significant first, in a
    pipeline of its own; latency ``params.latency`` cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        folds = p.folds if p.rows > 1 else 1  # one row needs no address
        fold, _ = counter(m, "fold", folds, go)
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        # The fold travels with its beat; entry c is c cycles after issue.
        fold_at: list[Value] = [fold if folds > 1 else Const(0, 0)]
        for cycle in range(p.pipeline):
            fold_at.append(delay(m, f"fold_c{cycle}", fold_at[-1]) if folds > 1 else fold_at[0])
        results = []
        for lane in range(p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            channels = np.arange(folds) * p.lanes + lane % p.channels if p.rows > 1 else [0]
            x = decode(self.i.payload[lane], p.input_type)
            results.append(self._search(unit, x, np.asarray(channels), fold_at))
        m.d.comb += queue.payload.eq(Cat(results))
        return m

    def _search(self, m: Module, x: Value, rows: np.ndarray, fold_at: list[Value]) -> Value:
        """Output code of one lane; ``rows`` are its rows of thresholds, by fold."""
        p = self.params
        x = delay(m, "x", x)
        bits: list[Value] = []  # of the count, most significant first
        cycle = 1
        for stage, table in enumerate(p.tables):
            threshold = self._threshold(m, stage, table[rows].reshape(-1),
                                        Cat(*reversed(bits), fold_at[cycle]))
            wait = p.table_latency(stage)
            x = delay(m, f"x_read{stage}", x, wait)
            bits = [delay(m, f"bit{k}_read{stage}", b, wait) for k, b in enumerate(bits)]
            bits.append(x >= threshold)
            bits = [delay(m, f"bit{k}_stage{stage}", b) for k, b in enumerate(bits)]
            if stage + 1 < p.stages:
                x = delay(m, f"x_stage{stage}", x)
            cycle += wait + 1
        count = Cat(*reversed(bits))
        if not p.finishes:
            return Cat(count, Const(0, p.output_type.bits))[: p.output_type.bits]
        # Falling: inverted, since a row's count goes up to 2 ** stages - 1.
        falls = p.falling[rows]
        flags = look_up(m, "falling", [int(f) for f in falls], fold_at[cycle], 1)
        count ^= flags.replicate(p.stages)
        value = count if p.output_type.bipolar else count + p.base
        result = Signal(p.output_type.shape, name="result", reset_less=True)
        m.d.sync += result.eq(value)
        return result

    def _threshold(self, m: Module, stage: int, words: np.ndarray, address: Value) -> Value:
        """Threshold of a stage."""
        p = self.params
        type_ = p.table_type
        codes = [pack([word], type_.bits) for word in words]
        name, memory = f"table_{stage}", p.table_memory(stage)
        if memory is None:
            word = look_up(m, name, codes, address, type_.bits)
        else:
            word = read_rom(m, name, codes, address, type_.bits, memory)
        return word.as_signed() if type_.signed else word
