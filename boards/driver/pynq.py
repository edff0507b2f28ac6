"""Access through PYNQ, on boards that run it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...gen.errors import QuantloomError

__all__ = ["PynqTransport"]

REGISTER_BYTES = 4096


class _PynqBuffer:
    """Memory from ``pynq.allocate``; see :class:`.transport.Buffer`."""

    def __init__(self, memory: Any):
        self._memory = memory
        self.address, self.array = int(memory.device_address), np.asarray(memory)

    def flush(self) -> None:
        self._memory.flush()

    def invalidate(self) -> None:
        self._memory.invalidate()

    def close(self) -> None:
        self._memory.freebuffer()


class PynqTransport:
    """Registers through ``pynq.MMIO``; see :class:`.transport.Transport`.

    Parameters
    ----------
    base : int
        Address of the registers.

    Raises
    ------
    QuantloomError
        If PYNQ is not installed.
    """

    def __init__(self, base: int):
        try:
            import pynq
        except ImportError as error:
            raise QuantloomError("pynq is not installed: use PYNQ's image on the board, or "
                                 "--device uio0") from error
        self._pynq = pynq
        self._registers = pynq.MMIO(base, REGISTER_BYTES)

    def read32(self, offset: int) -> int:
        return int(self._registers.read(offset))

    def write32(self, offset: int, value: int) -> None:
        self._registers.write(offset, value)

    def allocate(self, size: int) -> _PynqBuffer:
        return _PynqBuffer(self._pynq.allocate(shape=(size,), dtype=np.uint8))

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, 1e-4))
