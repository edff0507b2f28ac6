"""Numbers that are known within a range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, hypot, log

__all__ = ["Range"]


@dataclass(frozen=True)
class Range:
    """What is likely, and what it lies between.

    Sums take all low ends, or all high ends, together: what is unknown about one resource is
    unknown about the others in the same direction. The factors of a product are unknown for reasons
    of their own: their deviations from the typical add up as independent ones do, by the squares of
    the logarithms.

    Parameters
    ----------
    low, typical, high : float
        In this order, from 0.
    """

    low: float
    typical: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.typical <= self.high:
            raise ValueError(f"low, typical and high must rise from 0, not {self.low!r}, "
                             f"{self.typical!r}, {self.high!r}")

    @classmethod
    def exactly(cls, value: float) -> Range:
        """A number without uncertainty."""
        return cls(value, value, value)

    @classmethod
    def sum(cls, ranges: Iterable[Range]) -> Range:
        """The sum; 0 of none."""
        total = cls.exactly(0.0)
        for part in ranges:
            total += part
        return total

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def __mul__(self, other: Range | float) -> Range:
        if not isinstance(other, Range):
            other = Range.exactly(other)
        typical = self.typical * other.typical
        if not (self.low and other.low):
            return Range(0.0, typical, self.high * other.high)
        low, high = (exp(hypot(log(getattr(self, end) / self.typical),
                               log(getattr(other, end) / other.typical)))
                     for end in ("low", "high"))
        return Range(typical / low, typical, typical * high)

    def to_json(self) -> dict[str, float]:
        """Plain data, to three significant digits: more would be false."""
        return {name: float(f"{value:.3g}") for name, value in vars(self).items()}
