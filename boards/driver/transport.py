"""How a driver reaches registers and memory: the part that differs from system to system."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["Buffer", "Transport"]


class Buffer(Protocol):
    """Memory that both the processor and the accelerator see, in one piece.

    Parameters
    ----------
    address : int
        Where the accelerator sees it; a multiple of 8.
    array : array of uint8
        Where the processor does.
    """

    address: int
    array: np.ndarray[Any, np.dtype[np.uint8]]

    def flush(self) -> None:
        """Make what the processor wrote visible to the accelerator."""

    def invalidate(self) -> None:
        """Make what the accelerator wrote visible to the processor."""

    def close(self) -> None:
        """Give the memory back."""


class Transport(Protocol):
    """Access to one accelerator."""

    def read32(self, offset: int) -> int:
        """Word of a register, by its offset in bytes."""

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""

    def allocate(self, size: int) -> Buffer:
        """A buffer of at least so many bytes.

        Raises
        ------
        QuantloomError
            If there is no room.
        """

    def wait(self, seconds: float) -> None:
        """Wait for an interrupt, or for at most that long."""
