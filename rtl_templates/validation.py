"""Checks of block parameters; every message says what is legal and what was given."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .types import IntType

__all__ = [
    "check_divisor", "check_int_array", "check_one_of", "check_positive", "check_recoding",
    "divisors",
]  # fmt: skip


def divisors(whole: int) -> list[int]:
    """Divisors in ascending order."""
    small = [k for k in range(1, int(whole**0.5) + 1) if whole % k == 0]
    return sorted({*small, *(whole // k for k in small)})


def check_one_of(name: str, value: int | str, legal: Iterable[int] | Iterable[str]) -> None:
    """Raise ValueError that lists the legal values if ``value`` is none of them."""
    values = sorted(set(legal))  # type: ignore[type-var]
    if value not in values:
        raise ValueError(f"{name} must be one of {', '.join(map(str, values))}, not {value!r}")


def check_divisor(name: str, value: int, whole: int) -> None:
    """Raise ValueError that lists the divisors if ``value`` does not divide ``whole``."""
    if value < 1 or whole % value:
        check_one_of(name, value, divisors(whole))


def check_positive(**values: int) -> None:
    """Raise ValueError if a value is below 1."""
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value!r}")


def check_int_array(name: str, value: np.ndarray, ndim: int) -> np.ndarray:
    """A read-only int64 copy of an integer array.

    Raises
    ------
    ValueError
        If it is not an integer array of ``ndim`` dimensions.
    """
    array = np.asarray(value)
    if array.ndim != ndim or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be an integer array of {ndim} dimensions, not {value!r}")
    array = array.astype(np.int64)
    array.setflags(write=False)
    return array


def check_recoding(source: IntType, target: IntType) -> None:
    """Raise ValueError if elements of one type cannot be re-encoded as the other.

    Integer types are extended or truncated at will: the values at hand may be fewer than the
    type's. Only bipolar types need the right partner.
    """
    if target.bipolar and not source.bipolar:
        raise ValueError(f"output_type must be an integer type for {source} inputs, not {target}")
    if source.bipolar and not target.bipolar and not (target.signed and target.bits >= 2):
        raise ValueError("output_type must be bipolar or signed and at least 2 bits wide for "
                         f"bipolar inputs, not {target}")
