"""Factors by row and column: what sums of windows that reach over the edge need to be averages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .adder_tree import adder_tree, tree_latency
from .block import BlockComponent, StreamShape
from .nest import Loop, loop_paths, nest, span_flag
from .path import Path, and_levels
from .pipeline import PipelineParams, decode, delay, issue
from .queue import credit_paths, credit_resources
from .resources import Resources, counter_sites
from .types import IntType
from .validation import check_one_of, check_positive, divisors

__all__ = ["Weigh", "WeighParams"]


@dataclass(frozen=True, kw_only=True)
class WeighParams(PipelineParams):
    """``x * rows[y] * columns[x]`` for an element of row ``y`` and column ``x``.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold every product of what really comes; not bipolar.
    channels : int
    rows, columns : tuple of int
        Positive factors, one for each row and each column. Meant for few different ones: they are
        made of sums of shifted elements.
    lanes : int
        Elements a beat: divides the channels, or is a multiple of them that divides the row.
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_type: IntType
    output_type: IntType
    channels: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    lanes: int = 1

    kind = "weigh"

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, height=len(self.rows), width=len(self.columns),
                       factor=min((*self.rows, *self.columns), default=1))
        check_one_of("lanes", self.lanes, {
            *divisors(self.channels),
            *(self.channels * k for k in divisors(len(self.columns)))})
        if self.output_type.bipolar:
            raise ValueError("output_type must be an integer type, not bipolar")

    @property
    def pixels(self) -> int:
        """Pixels a beat."""
        return max(1, self.lanes // self.channels)

    @property
    def middle_type(self) -> IntType:
        """Of elements times the factors of their rows."""
        return IntType.for_range(*(v * max(self.rows)
                                   for v in (self.input_type.lo, self.input_type.hi)))

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        beats = len(self.rows) * len(self.columns) * self.channels // self.lanes
        return (StreamShape(self.input_type, self.lanes, beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.inputs[0].beats),)

    @property
    def leads(self) -> bool:
        return True

    @property
    def follows(self) -> bool:
        return True

    @property
    def pipeline(self) -> int:
        """Elements, times the factor of the row, times that of the column."""
        return 1 + sum(tree_latency(len(_terms(factors)), single_bit=False)
                       for factors in (self.rows, self.columns))

    @property
    def resources(self) -> Resources:
        lane = Resources(ff=self.input_type.bits)
        control = Resources(lut=2, ff=4)
        for type_, factors, rounds in (
                (self.middle_type, self.rows, len(self.rows)),
                (self.output_type, self.columns, len(self.columns) // self.pixels)):
            terms = _terms(factors)
            # What an adder's LUTs have no inputs for is chosen in front of it.
            choices = [len({*term}) for term in terms]
            chosen = sum(n > 1 + (len(terms) > 1) for n in choices)
            adders = len(terms) - 1
            lane += Resources(lut=(adders + chosen) * type_.bits, ff=(adders > 0) * type_.bits)
            control += Resources(lut=counter_sites(rounds) + 2 * sum(n > 1 for n in choices),
                                 ff=rounds.bit_length() + sum(choices) * self.pipeline)
        folds = max(1, self.channels // self.lanes)
        control += Resources(lut=counter_sites(folds), ff=folds.bit_length())
        return lane * self.lanes + control + credit_resources(
            self.outputs[0].width, self.pipeline, self.depth)

    @property
    def paths(self) -> tuple[Path, ...]:
        found = []
        for type_, factors in ((self.middle_type, self.rows), (self.output_type, self.columns)):
            terms = _terms(factors)
            # The shifts of a term are chosen, then added up.
            choices = max(len({*term}) for term in terms)
            found.append(Path(what="factors", luts=and_levels(2 * choices),
                              carry=type_.bits if len(terms) > 1 else 0,
                              fanout=type_.bits * self.lanes))
        walk = max((n - 1).bit_length() for n in (len(self.rows), len(self.columns), self.channels))
        return (*found, *loop_paths(walk),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(len(self.rows), len(self.columns), -1)
        y = x * np.array(self.rows)[:, None, None] * np.array(self.columns)[:, None]
        return (y.reshape(-1, self.lanes),)

    def create(self) -> Weigh:
        return Weigh(self)


def _terms(factors: Sequence[int]) -> list[list[int | None]]:
    """Factors as sums of powers of two: by term the exponent in each factor, None if it has none.

    As few terms as the factor with most set bits has; one that has but one choice needs no logic.
    """
    bits = [[k for k in reversed(range(f.bit_length())) if f >> k & 1] for f in factors]
    return [[own[k] if k < len(own) else None for own in bits]
            for k in range(max(map(len, bits)))]


class Weigh(BlockComponent[WeighParams]):
    """Factors by row and column; one beat a cycle, latency ``params.latency`` cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        _, columns, rows = loops = nest(
            m, go, beat=max(1, p.channels // p.lanes), column=len(p.columns) // p.pixels,
            row=len(p.rows))
        steps = [go & loops[0].last, go & loops[0].last & columns.last]
        cycles = 1 + tree_latency(len(_terms(p.rows)), single_bit=False)
        factors = _factors(m, "row", p.rows, rows, steps[1], 1)
        others = [_factors(m, f"column_{k}", p.columns, columns, steps[0], cycles,
                           slice(k, None, p.pixels)) for k in range(p.pixels)]
        results = []
        for lane in range(p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            value = delay(unit, "x", decode(self.i.payload[lane], p.input_type))
            value = _times(unit, "row", value, factors, p.middle_type)
            value = _times(unit, "column", value, others[lane // p.channels], p.output_type)
            results.append(value)
        m.d.comb += queue.payload.eq(Cat(results))
        return m


def _factors(m: Module, name: str, factors: Sequence[int], at: Loop, step: Value, cycles: int,
             own: slice = slice(None)) -> list[dict[int, Value]]:
    """The factor of the beat that was taken so many cycles ago: by term the exponents that it may
    be, each with whether it is.

    ``own`` are the factors that the loop goes through.
    """
    terms = []
    for k, term in enumerate(_terms(factors)):
        term, flags = term[own], {}
        for power in sorted({power for power in term if power is not None}):
            flag = span_flag(m, f"{name}_{k}_{power}", [power == other for other in term], at, step)
            flags[power] = flag if isinstance(flag, Const) else delay(
                m, f"{name}_{k}_{power}", flag, cycles)
        terms.append(flags)
    return terms


def _times(m: Module, name: str, value: Value, factor: list[dict[int, Value]],
           type_: IntType) -> Value:
    """The product of a value and a factor, as :func:`_factors` gives it."""
    terms = []
    for k, flags in enumerate(factor):
        term = Signal(type_.shape, name=f"{name}_term_{k}")
        m.d.comb += term.eq(reduce(or_, (Mux(flag, value << power, 0)
                                         for power, flag in flags.items()), Const(0)))
        terms.append(term)
    result = Signal(type_.shape, name=f"{name}_product")
    m.d.comb += result.eq(adder_tree(m, name, terms))
    return result
