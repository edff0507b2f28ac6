"""Reading model files whole, unless they are far too large."""

from __future__ import annotations

from pathlib import Path

from ..errors import QuantloomError

__all__ = ["MAX_BYTES", "file_bytes"]

MAX_BYTES = 1 << 28
"""Largest model file that is read: far more than the weights that fit any chip."""


def file_bytes(path: Path) -> bytes:
    """Content of a model file.

    Raises
    ------
    QuantloomError
        If it cannot be read, or is larger than :data:`MAX_BYTES`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise QuantloomError(f"{path}: it is too large; at most {MAX_BYTES >> 20} MB are accepted")
    return data
