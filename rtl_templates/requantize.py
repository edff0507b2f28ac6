"""Fixed-point rescaling: multiply, add, shift, clip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import stream, wiring

from .block import BlockParams, StreamShape, Timing, serve, stream_ports
from .pipeline import counter, decode, delay, issue, pack
from .rom import read_rom
from .saturate import saturate
from .types import IntType
from .validation import check_int_array, check_one_of, check_positive, divisors

__all__ = ["Requantize", "RequantizeParams"]

MAX_BITS = 63
"""Widest intermediate result: the reference computes in int64."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RequantizeParams(BlockParams):
    """``clip((x * multiplier[c] + offset[c]) >> shift, lo, hi)``; the shift floors.

    Parameters
    ----------
    input_type, output_type : IntType
        The output is not bipolar.
    multiplier, offset : array of int, (channels or 1,)
        One entry serves all channels.
    shift : int
        Not negative.
    lo, hi : int or None
        Bounds of the output, the type's where None.
    lanes : int
        Elements a beat: divides ``channels`` (the folds of a position follow each other), or is
        ``channels`` times a divisor of ``positions_per_frame`` (several positions a beat).
    channels, positions_per_frame : int

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_type: IntType
    output_type: IntType
    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    lo: int | None = None
    hi: int | None = None
    lanes: int = 1
    channels: int = 1
    positions_per_frame: int = 1
    depth: int | None = None

    kind = "requantize"

    def __post_init__(self) -> None:
        check_positive(channels=self.channels, positions_per_frame=self.positions_per_frame)
        for name in ("multiplier", "offset"):
            array = check_int_array(name, getattr(self, name), 1)
            object.__setattr__(self, name, array)
            check_one_of(f"entries of {name}", len(array), (1, self.channels))
        if self.shift < 0:
            raise ValueError(f"shift must not be negative, not {self.shift!r}")
        if self.output_type.bipolar:
            raise ValueError("output_type must be an integer type, not bipolar")
        lo, hi = self.bounds
        if not self.output_type.lo <= lo <= hi <= self.output_type.hi:
            raise ValueError(
                f"lo and hi must be ascending and within {self.output_type}, not {lo} and {hi}"
            )
        bits = max(self.product_type.bits, self.sum_type.bits)
        if bits > MAX_BITS:
            raise ValueError(f"Intermediate width must be at most {MAX_BITS}, not {bits!r}")
        check_one_of("lanes", self.lanes, {
            *divisors(self.channels),
            *(self.channels * k for k in divisors(self.positions_per_frame)),
        })

    @property
    def bounds(self) -> tuple[int, int]:
        """Bounds of the output."""
        return (self.output_type.lo if self.lo is None else self.lo,
                self.output_type.hi if self.hi is None else self.hi)

    @cached_property
    def product_type(self) -> IntType:
        """Type that holds every product."""
        ends = [int(m) * v for m in self.multiplier for v in (self.input_type.lo,
                                                              self.input_type.hi)]
        return IntType.for_range(min(ends), max(ends))

    @cached_property
    def sum_type(self) -> IntType:
        """Type that holds every product plus offset."""
        count = max(len(self.multiplier), len(self.offset))
        m, b = (np.broadcast_to(a, count) for a in (self.multiplier, self.offset))
        ends = [int(m[k]) * v + int(b[k])
                for k in range(count) for v in (self.input_type.lo, self.input_type.hi)]
        return IntType.for_range(min(ends), max(ends))

    @property
    def multiplies(self) -> bool:
        """Whether there is a multiplier other than 1."""
        return bool((self.multiplier != 1).any())

    @property
    def adds(self) -> bool:
        """Whether there is an offset other than 0."""
        return bool((self.offset != 0).any())

    @property
    def folds(self) -> int:
        """Beats that bring the channels of one position."""
        return max(1, self.channels // self.lanes)

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        beats = self.channels * self.positions_per_frame // self.lanes
        return (StreamShape(self.input_type, self.lanes, beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.inputs[0].beats),)

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats

    @property
    def leads(self) -> bool:
        return True

    @property
    def follows(self) -> bool:
        return True

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Operand, product, sum (the last two if there is such a step), clip, queue."""
        return self.pipeline + 1

    @property
    def pipeline(self) -> int:
        """Cycles from issue to the output queue's input."""
        return 2 + self.multiplies + self.adds

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(-1, self.channels)
        y = np.clip((x * self.multiplier + self.offset) >> self.shift, *self.bounds)
        return (y.reshape(-1, self.lanes),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        start = serve(arrivals[0], depth=self.depth, hold=self.latency + 1)
        return Timing((start,), (start + self.latency,))

    def create(self) -> Requantize:
        return Requantize(self)


class Requantize(wiring.Component):
    """Fixed-point rescaling; see :class:`RequantizeParams` for what it computes.

    One beat a cycle, latency ``params.latency`` cycles.

    Parameters
    ----------
    params : RequantizeParams

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: RequantizeParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        fold, _ = counter(m, "fold", p.folds, go)
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        add_fold = delay(m, "fold", fold) if p.multiplies else fold
        results = []
        for lane in range(p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            x = decode(self.i.payload[lane], p.input_type)
            results.append(self._lane(unit, lane, x, fold, add_fold))
        m.d.comb += queue.payload.eq(Cat(results))
        return m

    def _lane(self, m: Module, lane: int, x: Value, fold: Value, add_fold: Value) -> Value:
        p = self.params
        value = delay(m, "operand", x)
        if p.multiplies:
            factor = self._table(m, "multiplier", p.multiplier, lane, fold)
            product = Signal(p.product_type.shape, name="product", reset_less=True)
            m.d.sync += product.eq(value * factor)
            value = product
        if p.adds:
            offset = self._table(m, "offset", p.offset, lane, add_fold)
            total = Signal(p.sum_type.shape, name="sum", reset_less=True)
            m.d.sync += total.eq(value + offset)
            value = total
        result = Signal(p.output_type.shape, name="result", reset_less=True)
        m.d.sync += result.eq(saturate(value >> p.shift, *p.bounds))
        return result

    def _table(self, m: Module, name: str, array: np.ndarray, lane: int, fold: Value) -> Value:
        """Entry of the lane's channel, a cycle after its fold."""
        p = self.params
        if len(array) > 1:
            array = array[np.arange(p.folds) * p.lanes + lane % p.channels]
        type_ = IntType.for_range(int(array.min()), int(array.max()))
        words = [pack([v], type_.bits) for v in array]
        word = read_rom(m, name, words, fold if len(words) > 1 else Const(0, 0), type_.bits)
        return word.as_signed() if type_.signed else word
