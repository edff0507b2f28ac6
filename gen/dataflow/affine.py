"""Thresholds at even distances, as a multiplication.

Thresholds of a uniform quantiser behind a scale and an offset lie on a straight line, rounded to
integers. The number of those that an integer reaches is then ``(x * multiplier + offset) >>
shift``, clipped: exactly, for every x that occurs, if the multiplier is fine enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...rtl_templates.types import IntType
from ..network import Threshold

__all__ = ["Affine", "affine_form"]

MAX_SHIFT = 24
"""Fraction bits that are tried: the multiplier then still fits a DSP slice's narrower port."""

MAX_BITS = 18
MAX_OFFSET_BITS = 48
"""Ports of a DSP48: signed factor and summand."""

SPARE_BITS = 3
"""Fraction bits beyond the fewest that are tried: the offsets then may need fewer."""

CANDIDATES = 16
"""Multipliers that are tried with each number of fraction bits."""

UNBOUNDED = 1 << 45


@dataclass(frozen=True, eq=False)
class Affine:
    """``clip((x * multiplier + offset) >> shift, lo, hi)``, the shift floors.

    Parameters
    ----------
    multiplier, offset : array of int64, (rows,)
    shift, lo, hi : int
    """

    multiplier: np.ndarray
    offset: np.ndarray
    shift: int
    lo: int
    hi: int

    @property
    def table_bits(self) -> int:
        """Bits that a row needs in tables of both."""
        return sum(_table_bits(values) for values in (self.multiplier, self.offset))


def _table_bits(values: np.ndarray) -> int:
    """Bits of a table's words, without those that are zero in all."""
    word = IntType.for_range(int(values.min()), int(values.max())).bits
    common = int(np.bitwise_or.reduce(values))
    return word - ((common & -common).bit_length() - 1 if common else word)


def affine_form(op: Threshold, lo: np.ndarray | int, hi: np.ndarray | int) -> Affine | None:
    """The multiplication that equals a threshold operation, with the smallest tables found.

    None where the steps are not even enough, where the output is bipolar, and where factors or
    sum do not fit a DSP slice.

    Parameters
    ----------
    op : Threshold
    lo, hi : int, or array of int, (channels,)
        Range of the input, by channel: the two are equal for all its values. With several of
        them, a single row of thresholds becomes as many.
    """
    if op.type.bipolar:
        return None
    lines = [_bounds(row, bool(falls), op.base, int(least), int(most))
             for row, falls, least, most in _rows(op, np.atleast_1d(lo), np.atleast_1d(hi))]
    if not all(_slopes(line, MAX_SHIFT) for line in lines):
        return None  # what fits a coarser grid fits a finer one
    fewest = next(s for s in range(MAX_SHIFT + 1) if all(_slopes(line, s) for line in lines))
    found: list[Affine] = []
    for shift in range(fewest, min(fewest + SPARE_BITS, MAX_SHIFT) + 1):
        rows = [_line(line, shift) for line in lines]
        multiplier, offset = (np.array(column) for column in zip(*rows, strict=True))
        form = Affine(multiplier, offset, shift, op.base, op.base + op.thresholds.shape[1])
        if (IntType.for_range(min(0, *multiplier), max(0, *multiplier)).bits < MAX_BITS
                and int(np.abs(offset).max()).bit_length() < MAX_OFFSET_BITS - 1):
            found.append(form)
    return min(found, key=lambda form: form.table_bits, default=None)


@dataclass(frozen=True, eq=False)
class _Bounds:
    """What a line must meet: at least ``high_level`` at ``high``, below ``low_level`` at ``low``.

    These are the x on both sides of each threshold; a line speaks for the x between them.
    """

    high: np.ndarray
    high_level: np.ndarray
    low: np.ndarray
    low_level: np.ndarray


def _rows(op: Threshold, *ranges: np.ndarray) -> Iterator[tuple[Any, ...]]:
    """Rows of thresholds, whether each falls, and the input's range."""
    falls = np.zeros(1, bool) if op.descending is None else op.descending
    rows = max(len(op.thresholds), *map(len, ranges))
    return zip(np.broadcast_to(op.thresholds, (rows, op.thresholds.shape[1])),
               *(np.broadcast_to(a, rows) for a in (falls, *ranges)), strict=True)


def _bounds(thresholds: np.ndarray, falls: bool, base: int, lo: int, hi: int) -> _Bounds:
    level = base + np.arange(1, len(thresholds) + 1)
    first = np.clip(thresholds, lo, hi + 1)  # the first x that reaches it
    reached, missed = first <= hi, first > lo
    if falls:  # the first threshold takes the highest level away
        level = level[::-1]
        return _Bounds(first[missed] - 1, level[missed], first[reached], level[reached])
    return _Bounds(first[reached], level[reached], first[missed] - 1, level[missed])


def _slopes(line: _Bounds, shift: int) -> range:
    """Multipliers for which there is an offset."""
    # multiplier * high + offset >= high_level << shift and multiplier * low + offset < low_level
    # << shift leave an offset if they do so for every pair.
    run = line.high[:, None] - line.low[None, :]
    rise = ((line.high_level[:, None] - line.low_level[None, :]) << shift) + 1
    if (rise[run == 0] > 0).any():
        return range(0)
    up, down = run > 0, run < 0
    floor = int((-(-rise[up] // run[up])).max(initial=-UNBOUNDED))
    ceiling = int((rise[down] // run[down]).min(initial=UNBOUNDED))
    return range(floor, ceiling + 1)


def _line(line: _Bounds, shift: int) -> tuple[int, int]:
    """A multiplier and an offset; the offset ends in as many zero bits as was found possible."""
    slopes = _slopes(line, shift)
    if len(slopes) > 1 << MAX_BITS:  # no threshold on one side: flat, or nearly so
        slopes = range(near := min(max(slopes[0], 0), slopes[-1]), near + 1)
    tried = np.unique(np.linspace(slopes[0], slopes[-1], CANDIDATES).astype(np.int64))
    least = ((line.high_level << shift) - tried[:, None] * line.high).max(
        axis=1, initial=-UNBOUNDED)
    most = ((line.low_level << shift) - 1 - tried[:, None] * line.low).min(
        axis=1, initial=UNBOUNDED)
    zeros = np.arange(MAX_OFFSET_BITS, -1, -1)[:, None]
    rounded = -(-least >> zeros) << zeros
    first, best = np.unravel_index(np.argmax(rounded <= most), rounded.shape)
    return int(tried[best]), int(rounded[first, best])
