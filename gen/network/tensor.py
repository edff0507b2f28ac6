"""Tensors of the integer network."""

from __future__ import annotations

from dataclasses import dataclass

from ...rtl_templates.types import IntType

__all__ = ["Tensor"]


@dataclass(frozen=True)
class Tensor:
    """One sample of a channels-last integer tensor.

    Parameters
    ----------
    shape : tuple of int
        Height, width, channels. A vector is (1, 1, n), a 1-D feature map (1, width, channels).
    type : IntType
        Element type.
    lo, hi : int
        Exact range of the elements: what the operation can produce from its input's range with
        its real weights, never wider than the type.
    """

    shape: tuple[int, int, int]
    type: IntType
    lo: int
    hi: int

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"Shape must be three positive sizes, not {self.shape!r}")
        if not self.type.lo <= self.lo <= self.hi <= self.type.hi:
            raise ValueError(f"Range {self.lo} to {self.hi} must lie within {self.type}")

    @classmethod
    def full(cls, shape: tuple[int, int, int], type: IntType) -> Tensor:
        """A tensor that takes every value of its type."""
        return cls(shape, type, type.lo, type.hi)

    @classmethod
    def ranged(cls, shape: tuple[int, int, int], lo: int, hi: int) -> Tensor:
        """A tensor of the narrowest type for a range."""
        return cls(shape, IntType.for_range(lo, hi), int(lo), int(hi))

    @property
    def size(self) -> int:
        """Number of elements."""
        h, w, c = self.shape
        return h * w * c
