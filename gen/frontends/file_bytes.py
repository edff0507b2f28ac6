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
        if path.stat().st_size > MAX_BYTES:
            raise QuantloomError(f"{path}: it has {path.stat().st_size >> 20} MB; at most "
                                 f"{MAX_BYTES >> 20} are accepted")
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror}") from None
