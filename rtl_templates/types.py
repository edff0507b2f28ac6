"""Integer types of stream elements and tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Shape, signed, unsigned

__all__ = ["BIPOLAR", "IntType"]


@dataclass(frozen=True)
class IntType:
    """An integer type: two's complement, unsigned, or bipolar.

    A bipolar element is one bit wide and stands for -1 (code 0) or +1 (code 1).

    Parameters
    ----------
    bits : int
        Width in bits, at least 1.
    signed : bool
        Two's complement if set.
    bipolar : bool
        The values are -1 and +1; requires ``bits == 1``.

    Raises
    ------
    ValueError
        If the width is not positive, or a bipolar type is not one bit wide.
    """

    bits: int
    signed: bool = False
    bipolar: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.bits, int) or isinstance(self.bits, bool):
            raise TypeError(f"Width must be an integer, not {self.bits!r}")
        if self.bits < 1:
            raise ValueError(f"Width must be at least 1, not {self.bits!r}")
        if self.bipolar and (self.bits != 1 or self.signed):
            raise ValueError("A bipolar type must be 1 bit wide and not signed")

    @classmethod
    def for_range(cls, lo: int, hi: int) -> IntType:
        """Narrowest two's complement or unsigned type that holds ``lo`` to ``hi`` inclusive."""
        lo, hi = int(lo), int(hi)
        if lo > hi:
            raise ValueError(f"Range must not be empty, not {lo} to {hi}")
        if lo >= 0:
            return cls(max(1, hi.bit_length()))
        return cls(max((-lo - 1).bit_length(), hi.bit_length() if hi > 0 else 0) + 1, signed=True)

    @property
    def lo(self) -> int:
        """Smallest value."""
        if self.bipolar:
            return -1
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        """Largest value."""
        if self.bipolar:
            return 1
        return (1 << (self.bits - self.signed)) - 1

    @property
    def shape(self) -> Shape:
        """Amaranth shape of the element's code."""
        return signed(self.bits) if self.signed else unsigned(self.bits)

    def contains(self, values: np.ndarray) -> bool:
        """Whether every value is one of this type."""
        values = np.asarray(values)
        if values.size == 0:
            return True
        if self.bipolar:
            return bool(np.all(np.abs(values) == 1))
        return bool(values.min() >= self.lo and values.max() <= self.hi)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Codes (non-negative, ``bits`` wide, int64) of values of this type."""
        values = np.asarray(values, dtype=np.int64)
        if self.bipolar:
            return (values > 0).astype(np.int64)
        return values & ((1 << self.bits) - 1) if self.bits < 63 else values

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Values (int64) of codes, the inverse of :meth:`encode`."""
        codes = np.asarray(codes, dtype=np.int64)
        if self.bipolar:
            return 2 * codes - 1
        if self.signed:
            sign = np.int64(1) << (self.bits - 1)
            return (codes ^ sign) - sign
        return codes

    def __str__(self) -> str:
        if self.bipolar:
            return "bipolar"
        return f"{'int' if self.signed else 'uint'}{self.bits}"

    @classmethod
    def parse(cls, text: str) -> IntType:
        """The type whose ``str`` is ``text``.

        Raises
        ------
        ValueError
            If ``text`` is not of the form ``bipolar``, ``int4`` or ``uint4``.
        """
        if text == "bipolar":
            return BIPOLAR
        prefix = "uint" if text.startswith("uint") else "int"
        if not text.startswith(prefix) or not text[len(prefix) :].isdigit():
            raise ValueError(f"Type must be 'bipolar', 'intN' or 'uintN', not {text!r}")
        return cls(int(text[len(prefix) :]), signed=prefix == "int")


BIPOLAR = IntType(1, bipolar=True)
