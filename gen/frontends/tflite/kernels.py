"""Integer arithmetic of the reference kernels of TensorFlow Lite, for int8 tensors.

The formulas are those of the reference kernels (``reference_integer_ops`` and ``common.h`` of
TensorFlow Lite): optimised kernels and delegates round otherwise and differ in single counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import frexp, isfinite
from typing import Any

import numpy as np

__all__ = ["Grid", "Multiplier", "RealFactor", "activation_range", "divide", "hard_swish",
           "lookup_table", "round_away"]

Array = np.ndarray[Any, Any]

LO, HI = -128, 127


@dataclass(frozen=True)
class Grid:
    """Per-tensor quantisation: ``real = scale * (integer - zero_point)``; float32 scale."""

    scale: np.float32
    zero_point: int


@dataclass(frozen=True)
class Multiplier:
    """A positive real as ``mantissa * 2**(exponent - 31)``, the mantissa of 31 bits."""

    mantissa: int
    exponent: int

    @classmethod
    def of(cls, real: float) -> Multiplier:
        """The nearest one.

        Raises
        ------
        ValueError
            If the real is not positive, not finite, or not below ``2**30``.
        """
        if not isfinite(real) or real <= 0:
            raise ValueError(f"its scales give the factor {real}")
        fraction, exponent = frexp(real)
        mantissa = int(np.floor(fraction * 2.0**31 + 0.5))
        if mantissa == 1 << 31:
            mantissa, exponent = mantissa >> 1, exponent + 1
        if exponent > 30:
            raise ValueError(f"its scales give the factor {real}")
        return cls(0, 0) if exponent < -31 else cls(mantissa, exponent)

    @property
    def narrow(self) -> int:
        """The mantissa in 15 bits, rounded, as kernels of 16-bit arithmetic take it."""
        return min((self.mantissa + (1 << 15)) >> 16, (1 << 15) - 1)

    def over(self, n: int) -> Multiplier:
        """This divided by a positive integer, as the kernel of the mean does it: truncated."""
        shift = min(n.bit_length() - 1, 32, 31 + self.exponent)
        return Multiplier((self.mantissa << shift) // n, self.exponent - shift)

    def __call__(self, x: Array) -> Array:
        """``x`` times the real: a doubling high multiply, rounded, then a shift, rounded again."""
        x = np.asarray(x, np.int64) << max(self.exponent, 0)
        # Half up. (The kernels' "nudge" of negative products and division towards zero are this.)
        high = (x * self.mantissa + (1 << 30)) >> 31
        return round_away(high, max(-self.exponent, 0))


@dataclass(frozen=True)
class RealFactor:
    """A positive real that is multiplied in double precision, as by fully connected layers.

    Their reference kernel rounds ``x * real`` to the nearest integer, half away from zero; the
    published fixed-point form of it rounds twice and differs from it in single counts.
    """

    real: float

    def __call__(self, x: Array) -> Array:
        """``x`` times the real, rounded."""
        y = np.asarray(x, np.float64) * self.real
        size = np.floor(np.abs(y))
        size += np.abs(y) - size >= 0.5
        return (np.sign(y) * size).astype(np.int64)


def round_away(x: Array, shift: int) -> Array:
    """``x / 2**shift``, rounded to the nearest integer, half away from zero."""
    if not shift:
        return x
    return np.where(x < 0, -((-x + (1 << shift - 1)) >> shift), (x + (1 << shift - 1)) >> shift)


def divide(x: Array, n: int) -> Array:
    """``x / n``, rounded to the nearest integer, half away from zero."""
    return np.where(x > 0, (x + n // 2) // n, -((-x + n // 2) // n))


def activation_range(name: str, grid: Grid) -> tuple[int, int]:
    """Least and largest integer after a fused activation.

    Raises
    ------
    ValueError
        If the activation is none that clips.
    """
    bounds = {"NONE": (None, None), "RELU": (0, None), "RELU6": (0, 6),
              "RELU_N1_TO_1": (-1, 1)}.get(name)
    if bounds is None:
        raise ValueError(f"its fused activation is {name}")

    def integer(bound: int | None, free: int) -> int:
        if bound is None:
            return free
        steps = np.float32(bound) / grid.scale
        return grid.zero_point + int(np.sign(steps) * np.floor(np.abs(steps) + 0.5))

    return max(LO, integer(bounds[0], LO)), min(HI, integer(bounds[1], HI))


def lookup_table(function: Callable[[Array], Array], source: Grid, target: Grid) -> Array:
    """Results of a function of reals for the integers from -128 to 127: array of int, (256,)."""
    x = (source.scale * (np.arange(LO, HI + 1) - source.zero_point).astype(np.float32))
    y = function(x.astype(np.float64)).astype(np.float32) * (np.float32(1) / target.scale)
    rounded = np.sign(y) * np.floor(np.abs(y) + np.float32(0.5))
    return np.clip(rounded.astype(np.int64) + target.zero_point, LO, HI)


def hard_swish(source: Grid, target: Grid) -> Array:
    """``x * relu6(x + 3) / 6`` for the integers from -128 to 127: array of int, (256,).

    The kernel computes in 16 bits: the gate in units of ``3 / 2**15``, its product with ``x`` in
    units of the output shifted up. Left shifts saturate, high products double.

    Raises
    ------
    ValueError
        If the kernel does not take these scales.
    """
    fine = np.float32(1 / 128) * source.scale
    out = Multiplier.of(float(fine / target.scale))
    gate = Multiplier.of(float(fine / (np.float32(3) / np.float32(32768))))
    if out.exponent > 0:
        raise ValueError("its output's scale is finer than its kernel takes")
    least, most = -(1 << 15), (1 << 15) - 1

    def high(x: Array, factor: Array | int) -> Array:
        """``x * factor / 2**15``, rounded half up."""
        doubled: Array = (x * factor + (1 << 14)) // (1 << 15)
        return np.minimum(doubled, most)

    def up(x: Array, bits: int) -> Array:
        return np.clip(x << bits, least, most)

    x: Array = (np.arange(LO, HI + 1, dtype=np.int64) - source.zero_point) << 7
    value = high(x, out.narrow)
    opened = up(x, gate.exponent - 1) if gate.exponent > 0 else x
    opened = high(opened, gate.narrow)
    if gate.exponent > 0:
        opened = up(opened, 1)
    opened = round_away(opened, max(-gate.exponent, 0))
    opened = (opened + (1 << 15)) >> 1
    product: Array = opened * value
    product = np.where(product < 0, -(-product >> 15), product >> 15)
    return np.clip(round_away(product, -out.exponent) + target.zero_point, LO, HI)
