"""Fixed-point rescaling: multiply, add, round, clip or wrap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from .block import BlockComponent
from .elementwise import ElementwiseParams
from .nest import loop_paths
from .path import Path, table_levels
from .pipeline import counter, decode, delay, issue, pack
from .queue import credit_paths, credit_resources
from .resources import DSP_PRODUCT_BITS, Resources, counter_sites, dsp_slices, rom_sites
from .rom import cheapest_memory, plan_rom, read_rom, rom_latency, rom_resources
from .saturate import saturate, saturation_path, saturation_sites
from .types import IntType
from .validation import check_int_array, check_one_of

__all__ = ["Requantize", "RequantizeParams"]

MAX_BITS = 63
"""Widest intermediate result: the reference computes in int64."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RequantizeParams(ElementwiseParams):
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
    negative_offset : array of int, (channels or 1,), or None
        Offset where ``x`` is negative; the same where None.
    to_even : bool
        The shift rounds to the nearest integer, half to even.
    wrap : bool
        Instead of being clipped, results keep their low bits; ``lo`` and ``hi`` mean nothing.
    lanes, channels, positions_per_frame, depth
        See :class:`.ElementwiseParams`.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    lo: int | None = None
    hi: int | None = None
    negative_offset: np.ndarray | None = None
    to_even: bool = False
    wrap: bool = False

    kind = "requantize"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_type.lo >= 0:
            object.__setattr__(self, "negative_offset", None)
        names = ("multiplier", "offset", "negative_offset")
        for name in names if self.halved else names[:2]:
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

    @property
    def bounds(self) -> tuple[int, int]:
        """Bounds of the output."""
        return (self.output_type.lo if self.lo is None else self.lo,
                self.output_type.hi if self.hi is None else self.hi)

    @property
    def halved(self) -> bool:
        """Whether negative numbers have an offset of their own."""
        return self.negative_offset is not None

    @property
    def offsets(self) -> tuple[np.ndarray, ...]:
        """The offset, and that of negative numbers if it is another."""
        return (self.offset,) if self.negative_offset is None else (self.offset,
                                                                    self.negative_offset)

    @cached_property
    def offset_type(self) -> IntType:
        """Type of the offsets' words."""
        return _table_type(np.concatenate(self.offsets))

    @cached_property
    def product_type(self) -> IntType:
        """Type that holds every product."""
        ends = [int(m) * v for m in self.multiplier for v in (self.input_type.lo,
                                                              self.input_type.hi)]
        return IntType.for_range(min(ends), max(ends))

    @cached_property
    def sum_type(self) -> IntType:
        """Type that holds every product plus offset."""
        lo, hi = self.input_type.lo, self.input_type.hi
        parts = [((lo, -1), self.negative_offset), ((0, hi), self.offset)] if self.halved \
            else [((lo, hi), self.offset)]
        ends = [int(end) for values, offset in parts for v in values
                for end in np.ravel(self.multiplier * v + offset)]
        return IntType.for_range(min(ends), max(ends))

    @property
    def multiplies(self) -> bool:
        """Whether there is a multiplier other than 1."""
        return bool((self.multiplier != 1).any())

    @property
    def adds(self) -> bool:
        """Whether there is an offset other than 0."""
        return any((offset != 0).any() for offset in self.offsets)

    @property
    def rounds(self) -> bool:
        """Whether there is a step that rounds half to even."""
        return self.to_even and self.shift > 0

    @cached_property
    def rounded_type(self) -> IntType:
        """Type of what is clipped or wrapped."""
        half = (1 << self.shift) >> 1 if self.rounds else 0
        return IntType.for_range(self.sum_type.lo >> self.shift,
                                 (self.sum_type.hi + half) >> self.shift)

    @property
    def pipeline(self) -> int:
        """Operand, product, sum, rounding (those three if there is such a step), clip.

        One more where multipliers and offsets come from several block RAMs.
        """
        return 1 + self.table_latency + self.multiplies + self.adds + self.rounds

    @property
    def word_bits(self) -> int:
        """Bits of a word that holds a beat's multipliers and offsets."""
        return self.lanes * sum(self.field_bits)

    @property
    def field_bits(self) -> list[int]:
        """Bits of a lane's multiplier and offsets in that word."""
        return [_table_type(self.multiplier).bits, *[self.offset_type.bits] * len(self.offsets)]

    @property
    def memory(self) -> str:
        """Where multipliers and offsets are kept, see :mod:`.rom`."""
        if max(len(self.multiplier), *map(len, self.offsets)) == 1:
            return "lut"
        return cheapest_memory(self.word_bits, self.folds)

    @property
    def table_latency(self) -> int:
        """Cycles from the address of multipliers and offsets to their words."""
        return rom_latency(self.word_bits, self.folds, self.memory)

    @property
    def in_dsp(self) -> bool:
        """Whether products, and sums, are made in DSP slices."""
        return (self.multiplies and self.product_type.bits >= DSP_PRODUCT_BITS
                and min(_table_type(self.multiplier).bits, self.input_type.bits) > 1)

    @property
    def resources(self) -> Resources:
        operand, total = self.input_type, self.sum_type.bits
        lane = Resources(ff=self.output_type.bits + operand.bits * self.table_latency)
        factor = _table_type(self.multiplier)
        if self.in_dsp:
            lane += Resources(dsp=dsp_slices(factor.bits + (not factor.signed), operand.bits))
        elif self.multiplies:
            lane += Resources(lut=operand.bits * factor.bits, ff=self.product_type.bits)
        if self.adds and (len(self.offset) == 1 or self.folds == 1 or not self.in_dsp):
            lane += Resources(lut=total - self.shift / 2, ff=total)  # a constant is not for slices
        if self.rounds:
            lane += Resources(lut=total, ff=self.rounded_type.bits)
        if not self.wrap:
            lane += Resources(lut=saturation_sites(self.rounded_type.lo, self.rounded_type.hi,
                                                   *self.bounds))
        if self.memory == "lut":
            multipliers = self._table_resources((self.multiplier,), _table_type(self.multiplier))
            if self.in_dsp:  # the slice has their register
                multipliers = replace(multipliers, ff=0)
            lane += multipliers + self._table_resources(self.offsets, self.offset_type)
            tables = Resources()
        else:
            tables = rom_resources(self.word_bits, self.folds, self.memory)
            lane += Resources(lut=self.offset_type.bits if self.halved else 0)
        fold_bits = (self.folds - 1).bit_length()
        return (lane * self.lanes + tables
                + credit_resources(self.output_type.bits * self.lanes, self.pipeline, self.depth)
                + Resources(lut=1 + counter_sites(self.folds),
                            ff=fold_bits * (1 + self.multiplies) + self.pipeline))

    def of_lane(self, array: np.ndarray, lane: int) -> np.ndarray:
        """Entries of an array that a lane meets, by fold."""
        entries = np.broadcast_to(array, self.channels)
        return entries[np.arange(self.folds) * self.lanes + lane % self.channels]

    def _table_resources(self, arrays: tuple[np.ndarray, ...], type_: IntType) -> Resources:
        """What a lane's table occupies: few words give few different bits, and lanes share them."""
        words = (self.folds if len(arrays[0]) > 1 else 1) * len(arrays)
        # Bits that are zero in all are no table.
        common = int(np.bitwise_or.reduce(np.concatenate(arrays)))
        zeros = (common & -common).bit_length() - 1 if common else 0
        bits = float(type_.bits - zeros)
        if words < 6:
            bits = min(bits, ((1 << words) - 2) / 2 / self.lanes)
        # Three address bits leave a LUT room for a part of what the word goes into.
        sites = rom_sites(1, words) * (0.8 if words <= 8 else 1.0)
        return Resources(lut=sites * bits, ff=bits if words > 1 else 0)

    @property
    def paths(self) -> tuple[Path, ...]:
        found = list(loop_paths((self.folds - 1).bit_length()))
        if self.memory == "block":
            found.append(plan_rom(self.word_bits, self.folds).path("table"))
        elif max(len(self.multiplier), len(self.offset)) > 1:
            found.append(Path(what="table", luts=table_levels(self.folds * len(self.offsets)),
                              fanout=self.word_bits))
        if self.multiplies:
            # In LUTs: partial products, added up.
            factors = self.input_type.bits, _table_type(self.multiplier).bits
            rows = min(factors)
            if len(self.multiplier) == 1 and abs(int(self.multiplier[0])).bit_count() == 1:
                rows = 1  # a shift
            found.append(Path(what="product", luts=1 + (rows - 1).bit_length(),
                              carry=self.product_type.bits, fanout=self.input_type.bits,
                              factors=factors if rows > 1 else ()))
        if self.adds:
            found.append(Path(what="sum", carry=self.sum_type.bits))
        if self.rounds:
            found.append(Path(what="rounding", carry=self.sum_type.bits))
        if not self.wrap:
            found.append(saturation_path(self.rounded_type.lo, self.rounded_type.hi, *self.bounds))
        return (*found, *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(-1, self.channels)
        offset = self.offset if self.negative_offset is None else np.where(
            x < 0, self.negative_offset, self.offset)
        total = x * self.multiplier + offset
        y = np.rint(total / 2.0**self.shift).astype(np.int64) if self.rounds \
            else total >> self.shift
        if self.wrap:
            low = y & ((1 << self.output_type.bits) - 1)
            y = np.where(low > self.output_type.hi, low - (1 << self.output_type.bits), low)
        else:
            y = np.clip(y, *self.bounds)
        return (y.reshape(-1, self.lanes),)

    def create(self) -> Requantize:
        return Requantize(self)


class Requantize(BlockComponent[RequantizeParams]):
    """Fixed-point rescaling; see :class:`RequantizeParams` for what it computes.

    One beat a cycle, latency ``params.latency`` cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        fold, _ = counter(m, "fold", p.folds, go)
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        operands = [decode(self.i.payload[lane], p.input_type) for lane in range(p.lanes)]
        results = []
        for lane, (factor, offset) in enumerate(self._tables(m, fold, operands)):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            results.append(self._lane(unit, operands[lane], factor, offset))
        m.d.comb += queue.payload.eq(Cat(results))
        return m

    def _tables(self, m: Module, fold: Value, operands: list[Value]) -> list[tuple[Value, Value]]:
        """Each lane's multiplier, with its operand, and its offset, with what it is added to."""
        p = self.params
        if p.memory == "lut":
            later = delay(m, "fold", fold) if p.multiplies else fold
            return [(self._table(m, f"multiplier_{lane}", _table_type(p.multiplier),
                                 (p.multiplier,), lane, fold),
                     self._offset(m, lane, later, x)) for lane, x in enumerate(operands)]
        # All in one word: block RAM is wide.
        types = [_table_type(p.multiplier), *[p.offset_type] * len(p.offsets)]
        columns = [_codes(p.of_lane(array, lane), type_) for lane in range(p.lanes)
                   for array, type_ in zip((p.multiplier, *p.offsets), types, strict=True)]
        bits = p.field_bits
        words = [sum(code << at for code, at in zip(
                     row, np.cumsum([0, *bits * p.lanes]).tolist(), strict=False))
                 for row in zip(*columns, strict=True)]
        word = read_rom(m, "table", words, fold, p.word_bits, p.memory)
        tables = []
        for lane in range(p.lanes):
            starts = lane * sum(bits) + np.cumsum([0, *bits])
            factor, *offsets = (_typed(word[start : start + width], type_) for start, width, type_
                                in zip(starts.tolist(), bits, types, strict=False))
            offset = offsets[0]
            if p.halved:
                negative = delay(m, f"negative_{lane}", operands[lane] < 0, p.table_latency)
                offset = Mux(negative, offsets[1], offset)
            later = delay(m, f"offset_{lane}", offset) if p.multiplies else offset
            tables.append((factor, later))
        return tables

    def _offset(self, m: Module, lane: int, fold: Value, x: Value) -> Value:
        """The lane's offset, from LUTs; the sign of the operand is part of the address."""
        p = self.params
        if p.halved:
            fold = Cat(delay(m, f"negative_{lane}", x < 0, int(p.multiplies)), fold)
        return self._table(m, f"offset_{lane}", p.offset_type, p.offsets, lane, fold)

    def _lane(self, m: Module, x: Value, factor: Value, offset: Value) -> Value:
        p = self.params
        value = delay(m, "operand", x, p.table_latency)
        if p.multiplies:
            product = Signal(p.product_type.shape, name="product", reset_less=True)
            m.d.sync += product.eq(value * factor)
            value = product
        if p.adds:
            total = Signal(p.sum_type.shape, name="sum", reset_less=True)
            m.d.sync += total.eq(value + offset)
            value = total
        if p.rounds:
            rounded = Signal(p.rounded_type.shape, name="rounded", reset_less=True)
            # Half of the last place less one unit, and that unit if the integer part is odd.
            m.d.sync += rounded.eq(
                (value + ((1 << p.shift - 1) - 1) + (value >> p.shift)[0]) >> p.shift)
            value = rounded
        else:
            value = value >> p.shift
        result = Signal(p.output_type.shape, name="result", reset_less=True)
        m.d.sync += result.eq(value if p.wrap else saturate(value, *p.bounds))
        return result

    def _table(self, m: Module, name: str, type_: IntType, arrays: tuple[np.ndarray, ...],
               lane: int, address: Value) -> Value:
        """Entry of the lane's channel, a cycle after its fold.

        The lowest bits of the address choose among several arrays.
        """
        rows = [self.params.of_lane(a, lane) if len(a) > 1 else a for a in arrays]
        words = _codes(np.stack(rows, axis=1).ravel(), type_)
        if len(words) == len(arrays):  # one for all channels
            address = address[: (len(arrays) - 1).bit_length()]
        return _typed(read_rom(m, name, words, address, type_.bits), type_)


def _table_type(array: np.ndarray) -> IntType:
    """Type of a table's words."""
    return IntType.for_range(int(array.min()), int(array.max()))


def _codes(values: np.ndarray, type_: IntType) -> list[int]:
    return [pack([value], type_.bits) for value in values]


def _typed(word: Value, type_: IntType) -> Value:
    return word.as_signed() if type_.signed else word
