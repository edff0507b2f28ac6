"""Fixed-point types of hls4ml and the conversions of ap_fixed, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import numpy as np

from ...errors import UnsupportedError

__all__ = ["ROUNDINGS", "Fixed", "round_off"]

Array = np.ndarray[Any, Any]

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
"""Quantisation modes of ap_fixed."""

_OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")


@dataclass(frozen=True)
class Fixed:
    """A fixed-point type: an element is an integer of ``width`` bits times ``2**-fraction``.

    Parameters
    ----------
    width, fraction : int
        The fraction may be negative, or larger than the width.
    signed : bool
    rounding : str
        One of :data:`ROUNDINGS`.
    overflow : str
        "WRAP", "SAT" or "SAT_SYM".
    binary : bool
        hls4ml's one-bit type whose codes 0 and 1 stand for -1 and +1.
    """

    width: int
    fraction: int
    signed: bool
    rounding: str = "TRN"
    overflow: str = "WRAP"
    binary: bool = False

    @classmethod
    def of(cls, label: str, precision: Any) -> Fixed:
        """The type that an hls4ml precision stands for; ``label`` names its owner in errors."""
        kind = type(precision).__name__
        if kind == "XnorPrecisionType":
            return cls(1, 0, False, binary=True)
        if kind == "IntegerPrecisionType":
            return cls(precision.width, 0, precision.signed)
        if kind != "FixedPrecisionType":
            raise UnsupportedError(label, f"its precision is {precision}", "Use fixed-point types: "
                                   "set the precision in the configuration")
        rounding, overflow = precision.rounding_mode.name, precision.saturation_mode.name
        if overflow not in _OVERFLOWS or (precision.saturation_bits and overflow == "WRAP"):
            raise UnsupportedError(label, f"its precision is {precision}",
                                   "Use WRAP without sign bits, SAT or SAT_SYM")
        return cls(precision.width, precision.fractional, bool(precision.signed), rounding,
                   overflow)

    @property
    def lo(self) -> int:
        """Smallest integer, of which SAT_SYM leaves out the last."""
        if not self.signed:
            return -1 if self.binary else 0
        return -(1 << self.width - 1) + (self.overflow == "SAT_SYM")

    @property
    def hi(self) -> int:
        """Largest integer."""
        return (1 << self.width - self.signed) - 1

    def wrapped(self, integers: Array) -> Array:
        """Integers after this type's overflow."""
        if self.overflow != "WRAP":
            return np.clip(integers, self.lo, self.hi)
        low = np.asarray(integers) & ((1 << self.width) - 1)
        return np.where(low > self.hi, low - (1 << self.width), low)

    def cast(self, integers: Array, fraction: int) -> Array:
        """Integers of this type for integers with some other number of fraction bits.

        Where that type has fewer fraction bits than this one, the result still has this one's.
        """
        x = np.asarray(integers, np.int64)
        drop = fraction - self.fraction
        if drop <= 0:
            return self.wrapped(x << -drop)
        return self.wrapped(round_off(x, drop, self.rounding))

    def constants(self, label: str, values: Any) -> Array:
        """Integers of weights, as hls4ml writes them: to ``fraction`` decimals, then converted."""
        reals = np.asarray(values, dtype=np.float64)
        if not np.isfinite(reals).all():
            raise UnsupportedError(label, "a weight is not finite (NaN or infinity)",
                                   "Repair the weights")
        if self.binary:
            if not np.isin(reals, (0, 1)).all():
                raise UnsupportedError(label, "a binary weight is neither 0 nor 1",
                                       "Repair the weights")
            return np.where(reals > 0, 1, -1)
        scaled = np.ldexp(reals, self.fraction)
        if np.array_equal(scaled, np.rint(scaled)):
            return self.wrapped(scaled.astype(np.int64))
        digits = max(0, self.fraction)
        # More binary digits than any weight has: what lies below does not change a rounding.
        fine = 60 - max(0, int(np.ceil(np.log2(np.abs(reals).max() + 1)))) - digits
        exact = [int((Decimal(f"{v:.{digits}f}") * (1 << digits + fine)).to_integral_value(
            ROUND_FLOOR)) for v in reals.ravel()]
        return self.cast(np.array(exact, np.int64).reshape(reals.shape), digits + fine)


def round_off(x: Array, bits: int, rounding: str) -> Array:
    """``x / 2**bits`` as an integer, by a quantisation mode of ap_fixed."""
    half = 1 << bits - 1
    negative = (x < 0).astype(np.int64)
    add: Any = {
        "TRN": 0, "RND": half, "RND_MIN_INF": half - 1,
        "TRN_ZERO": negative * ((1 << bits) - 1),
        "RND_INF": half - negative,
        "RND_ZERO": half - 1 + negative,
    }.get(rounding)
    if add is None:  # half to even
        add = half - 1 + (x >> bits & 1)
    return (x + add) >> bits
