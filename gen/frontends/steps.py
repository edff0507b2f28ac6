"""Exact step functions: where the source's own arithmetic switches from one integer to the next.

A quantiser behind any monotone floating-point steps is, over integers, a step function. Its
switching points are found by binary search over the integers, evaluating the source's arithmetic;
nothing is derived from rounded scales.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Rescaling", "StepFunction", "find_steps", "fit_requantize"]

Array = np.ndarray[Any, Any]

# Most bits that a multiplier of a rescaling may have. All channels share the shift, so channels of
# steep slopes need more bits than their own precision asks for.
_MULTIPLIER_BITS = 32
_MAX_SHIFT = 40
# Most switching points that are searched at once.
_MAX_POINTS = 1 << 22


@dataclass(frozen=True, eq=False)
class StepFunction:
    """Monotone functions from integers to integers, one a channel.

    With ``p = sign * x``, the function is ``base + sum(p >= points[c])``.

    Parameters
    ----------
    sign : array of int, (channels,)
        -1 for channels that fall.
    base, top : int
        Smallest and largest result over all channels.
    points : array of int, (channels, top - base)
        Not descending. ``first`` where ``p`` is always beyond the point, ``last + 1`` where it
        never reaches it.
    first, last : array of int, (channels,)
        Range of ``p``.
    """

    sign: Array
    base: int
    top: int
    points: Array
    first: Array
    last: Array

    @property
    def thresholds(self) -> Array:
        """Points in ``x``: counted up, and down where the sign is negative."""
        down = (1 - self.points)[:, ::-1]
        return np.where(self.sign[:, None] < 0, down, self.points)

    def __call__(self, x: Array) -> Array:
        """Result for integers of shape (channels, n)."""
        p = x * self.sign[:, None]
        return self.base + np.stack([
            np.searchsorted(row, values, side="right")
            for row, values in zip(self.points, p, strict=True)
        ])

    @property
    def shift_only(self) -> int | None:
        """``d`` if the function is ``clip(x + d, base, top)`` in all channels, else None."""
        if np.any(self.sign < 0) or self.top == self.base:
            return None
        levels = self.base + 1 + np.arange(self.points.shape[1])
        inside = (self.points > self.first[:, None]) & (self.points <= self.last[:, None])
        if not inside.any():
            return None
        d = int((levels - self.points)[inside][0])
        plain = np.clip(levels - d, self.first[:, None], self.last[:, None] + 1)
        return d if np.array_equal(plain, self.points) else None


def find_steps(function: Callable[[Array], Array], lo: int, hi: int, sign: Array) -> StepFunction:
    """Find the step function that ``function`` is over the integers from ``lo`` to ``hi``.

    Parameters
    ----------
    function : callable
        Integers of shape (channels, n) to integers of that shape; monotone in each channel.
    lo, hi : int
        Range of the argument, both included.
    sign : array of int, (channels,)
        -1 for channels that fall, otherwise 1.

    Raises
    ------
    ValueError
        If there are too many switching points to hold.
    """
    sign = np.where(np.asarray(sign) < 0, -1, 1).astype(np.int64)
    channels = len(sign)
    first = np.where(sign > 0, lo, -hi)
    last = np.where(sign > 0, hi, -lo)

    def rising(p: Array) -> Array:
        return function(p * sign[:, None])

    ends = rising(np.stack([first, last], axis=1))
    if np.any(ends[:, 0] > ends[:, 1]):
        raise AssertionError("a step function falls where it should rise")
    base, top = int(ends.min()), int(ends.max())
    if channels * (top - base) > _MAX_POINTS:
        raise ValueError(f"{channels} channels of {top - base} steps")
    levels = np.arange(base + 1, top + 1)
    # Invariant: the function is below the level before `low` and not below it from `high` on.
    low = np.repeat(first[:, None], len(levels), axis=1)
    high = np.repeat(last[:, None] + 1, len(levels), axis=1)
    while np.any(low < high):
        middle = (low + high) >> 1
        # Where the search has ended the middle may lie behind the range; any value will do.
        reached = rising(np.minimum(middle, last[:, None])) >= levels
        open_ = low < high
        high = np.where(open_ & reached, middle, high)
        low = np.where(open_ & ~reached, middle + 1, low)
    result = StepFunction(sign, base, top, low, first, last)
    _verify(result, function, lo, hi)
    return result


def _verify(steps: StepFunction, function: Callable[[Array], Array], lo: int, hi: int) -> None:
    """Compare with the function itself: at the ends, around points, and elsewhere."""
    channels = len(steps.sign)
    samples = [np.linspace(lo, hi, 64).round().astype(np.int64)[None].repeat(channels, 0)]
    if steps.points.shape[1]:
        picks = steps.points[:, np.linspace(0, steps.points.shape[1] - 1, 32).astype(int)]
        samples += [picks * steps.sign[:, None] + d for d in (-1, 0, 1)]
    x = np.clip(np.concatenate(samples, axis=1), lo, hi)
    if not np.array_equal(steps(x), function(x)):
        raise AssertionError("a step function is not monotone, or its search is wrong")


@dataclass(frozen=True, eq=False)
class Rescaling:
    """``clip((x * multiplier[c] + offset[c]) >> shift, base, top)``.

    ``negative_offset`` is the offset where ``x`` is negative, None if it is the same.
    """

    multiplier: Array
    offset: Array
    shift: int
    negative_offset: Array | None = None


def fit_requantize(steps: StepFunction) -> Rescaling | None:
    """A rescaling that gives exactly a step function, if there is one.

    Every switching point ``T`` to level ``k`` asks for ``(T * m + b) >> s >= k`` and
    ``((T - 1) * m + b) >> s < k``: for a given slope the offset lies between two bounds. The slope
    with the widest gap between them is looked for in reals; the smallest shift at which the
    rounded slope still leaves an integer offset is taken. Where one offset cannot do (rounding
    half away from zero), negative numbers get their own.
    """
    fit = _fit(steps, [(steps.first, steps.last)])
    if fit is None and np.all(steps.sign > 0) and np.all((steps.first < 0) & (steps.last >= 0)):
        fit = _fit(steps, [(np.zeros_like(steps.last), steps.last),
                           (steps.first, np.full_like(steps.first, -1))])
    return fit


def _fit(steps: StepFunction, parts: list[tuple[Array, Array]]) -> Rescaling | None:
    """A rescaling with an offset for each of several parts, given by their first and last ``p``."""
    levels = steps.base + 1 + np.arange(steps.points.shape[1])
    # At a point, or where a part begins behind it, the level is a lower bound of the offset; just
    # before it, or where a part ends before it, an upper one.
    sides = []
    for first, last in ((a[:, None], b[:, None]) for a, b in parts):
        sides.append(((steps.points <= last, np.maximum(steps.points, first)),
                      (steps.points > first, np.minimum(steps.points - 1, last))))

    def bounds(slope: Array, one: Any, side: tuple[tuple[Array, Array], tuple[Array, Array]],
               ) -> tuple[Array, Array]:
        """Least and largest offset; ``one`` is the unit of the result (1 or ``2**shift``)."""
        (above, reached), (below, missed) = side
        huge = np.int64(1 << 62) if slope.dtype == np.int64 else np.inf
        least = np.where(above, levels * one - reached * slope[:, None], -huge)
        # In integers "< k" is "<= k - 1 unit in the last place".
        less = 1 if slope.dtype == np.int64 else 0
        most = np.where(below, levels * one - less - missed * slope[:, None], huge)
        return least.max(axis=1, initial=-huge), most.min(axis=1, initial=huge)

    def gap(slope: Array) -> Array:
        gaps = []
        for side in sides:
            least, most = bounds(slope, 1.0, side)
            gaps.append(np.clip(most, -1e30, 1e30) - np.clip(least, -1e30, 1e30))
        return np.min(gaps, axis=0)

    slope = _peak(gap, len(steps.sign), float(steps.top - steps.base + 1))
    if np.any(gap(slope) <= 0):
        return None
    multiplier = np.zeros(len(slope), np.int64)
    offsets = np.zeros((len(sides), len(slope)), np.int64)
    done = np.zeros(len(slope), bool)
    widest = int(max(np.abs(steps.first).max(), np.abs(steps.last).max())) + 1
    for shift in range(_MAX_SHIFT + 1):
        candidate = np.rint(slope * 2.0**shift).astype(np.int64)
        if candidate.max() >= 1 << _MULTIPLIER_BITS or \
                int(candidate.max()) * widest + (max(abs(steps.base), abs(steps.top)) << shift) \
                >= 1 << 60:
            return None
        ends = [bounds(candidate, np.int64(1 << shift), side) for side in sides]
        fits = ~done & np.all([least <= most for least, most in ends], axis=0)
        multiplier = np.where(fits, candidate, np.where(done, multiplier << 1, multiplier))
        offsets = np.where(fits, [_between(*pair) for pair in ends],
                           np.where(done, offsets << 1, offsets))
        done |= fits
        if done.all():
            return Rescaling(multiplier * steps.sign, offsets[0], shift, *offsets[1:])
    return None


def _peak(gap: Callable[[Array], Array], count: int, highest: float) -> Array:
    """Slopes between 0 and ``highest`` with the widest gap, which is concave: ternary search."""
    left, right = np.zeros(count), np.full(count, highest)
    for _ in range(100):
        a, b = left + (right - left) / 3, right - (right - left) / 3
        rise = gap(a) < gap(b)
        left, right = np.where(rise, a, left), np.where(rise, right, b)
    return (left + right) / 2


def _between(least: Array, most: Array) -> Array:
    """The middle of two bounds, or the one that there is: it keeps both away from overflow."""
    return np.where(least <= -(1 << 61), most, np.where(most >= 1 << 61, least,
                    least + ((most - least) >> 1)))
