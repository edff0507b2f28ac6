"""Tables of converters, by the names of what they convert."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["registrar"]

T = TypeVar("T")


def registrar(table: dict[str, T]) -> Callable[..., Callable[[T], T]]:
    """Decorator that enters a function in a table under one or several names."""

    def names(*keys: str) -> Callable[[T], T]:
        def register(function: T) -> T:
            table.update(dict.fromkeys(keys, function))
            return function

        return register

    return names
