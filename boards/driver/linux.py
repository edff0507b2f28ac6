"""Access under Linux without a kernel driver of its own: UIO or /dev/mem, and u-dma-buf."""

from __future__ import annotations

import mmap
import os
import select
from pathlib import Path

import numpy as np

from ...gen.errors import QuantloomError

__all__ = ["ContiguousBuffer", "DmaBuffers", "MappedTransport", "MappedWords", "map_words",
           "open_memory", "open_uio"]  # fmt: skip

SYNC_FOR_DEVICE, SYNC_FOR_PROCESSOR = "sync_for_device", "sync_for_cpu"


class ContiguousBuffer:
    """A part of the memory that :class:`DmaBuffers` holds; see :class:`.transport.Buffer`."""

    def __init__(self, pool: DmaBuffers, offset: int, size: int):
        self._pool, self._offset = pool, offset
        self.address = pool.address + offset
        self.array = pool.array[offset : offset + size]

    def flush(self) -> None:
        self._pool.sync(SYNC_FOR_DEVICE)

    def invalidate(self) -> None:
        self._pool.sync(SYNC_FOR_PROCESSOR)

    def close(self) -> None:
        self._pool.free(self._offset)


class DmaBuffers:
    """Memory in one piece, given out bit by bit.

    Parameters
    ----------
    mapping : mmap or array of uint8
    address : int
        Where the accelerator sees it.
    controls : Path or None
        Folder with the sync files of a u-dma-buf; None if the mapping is not cached.
    """

    def __init__(self, mapping: object, address: int, controls: Path | None = None):
        self.array = np.frombuffer(mapping, np.uint8)  # type: ignore[call-overload]
        self.address, self._controls = address, controls
        self._taken: dict[int, int] = {}

    @classmethod
    def udmabuf(cls, name: str = "udmabuf0") -> DmaBuffers:
        """The buffer of u-dma-buf's kernel module.

        Raises
        ------
        QuantloomError
            If there is none of that name.
        """
        for group in ("u-dma-buf", "udmabuf"):
            controls = Path("/sys/class") / group / name
            if controls.is_dir():
                break
        else:
            raise QuantloomError(f"there is no DMA buffer {name}: load the kernel module with "
                                 f"'modprobe u-dma-buf {name}=4194304'")
        try:
            address = int((controls / "phys_addr").read_text(), 0)
            size = int((controls / "size").read_text())
            file = os.open(f"/dev/{name}", os.O_RDWR)
            try:
                mapping = mmap.mmap(file, size)
            finally:
                os.close(file)
        except OSError as error:
            raise QuantloomError(f"/dev/{name}: {error.strerror or error}") from error
        return cls(mapping, address, controls)

    @classmethod
    def reserved(cls, address: int, size: int) -> DmaBuffers:
        """Memory that the system was told to leave alone (``memmap`` or ``no-map``).

        Raises
        ------
        QuantloomError
            If it cannot be mapped.
        """
        return cls(_map("/dev/mem", address, size), address)

    def sync(self, direction: str) -> None:
        """Hand all of the memory to the other side, where it is cached."""
        if self._controls is not None:
            (self._controls / direction).write_text("1")

    def allocate(self, size: int) -> ContiguousBuffer:
        """The first gap that is large enough."""
        size, start = -(-size // 64) * 64, 0
        for offset, length in sorted(self._taken.items()):
            if offset - start >= size:
                break
            start = offset + length
        if start + size > len(self.array):
            raise QuantloomError(f"the DMA buffer of {len(self.array):,} bytes has no room for "
                                 f"{size:,} more; make it larger, or send fewer frames at once")
        self._taken[start] = size
        return ContiguousBuffer(self, start, size)

    def free(self, offset: int) -> None:
        """Take back what was given out."""
        del self._taken[offset]


def _map(path: str, offset: int, size: int) -> mmap.mmap:
    try:
        file = os.open(path, os.O_RDWR | os.O_SYNC)  # not cached
        try:
            return mmap.mmap(file, size, offset=offset)
        finally:
            os.close(file)
    except OSError as error:
        raise QuantloomError(f"{path}: {error.strerror or error}") from error


class MappedWords:
    """Registers in a mapping.

    Parameters
    ----------
    mapping : mmap or array of uint8
    """

    def __init__(self, mapping: object):
        # Words, so that every access is one of 32 bits.
        self._words = np.frombuffer(mapping, "<u4")  # type: ignore[call-overload]

    def read32(self, offset: int) -> int:
        """Read a register."""
        return int(self._words[offset // 4])

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""
        self._words[offset // 4] = value


class MappedTransport(MappedWords):
    """Registers in a mapping, and memory; see :class:`.transport.Transport`.

    Parameters
    ----------
    registers : mmap or array of uint8
    buffers : DmaBuffers
    interrupt : int or None
        File of a UIO device, whose reads wait for the interrupt.
    """

    def __init__(self, registers: object, buffers: DmaBuffers, interrupt: int | None = None):
        super().__init__(registers)
        self._buffers, self._interrupt = buffers, interrupt

    def allocate(self, size: int) -> ContiguousBuffer:
        return self._buffers.allocate(size)

    def wait(self, seconds: float) -> None:
        if self._interrupt is None:
            # Short frames are over before a sleep of any length is.
            return
        os.write(self._interrupt, (1).to_bytes(4, "little"))  # let it come
        ready, _, _ = select.select([self._interrupt], [], [], seconds)
        if ready:
            os.read(self._interrupt, 4)


REGISTER_BYTES = 4096


def open_uio(name: str, buffers: DmaBuffers) -> MappedTransport:
    """Registers and interrupt of ``/dev/<name>`` (driver ``uio_pdrv_genirq``)."""
    registers = _map(f"/dev/{name}", 0, REGISTER_BYTES)
    return MappedTransport(registers, buffers, os.open(f"/dev/{name}", os.O_RDWR))


def open_memory(address: int, buffers: DmaBuffers) -> MappedTransport:
    """Registers at a physical address, without interrupt."""
    return MappedTransport(_map("/dev/mem", address, REGISTER_BYTES), buffers)


def map_words(address: int) -> MappedWords:
    """Other registers at a physical address, as those of the processor's clocks."""
    return MappedWords(_map("/dev/mem", address, REGISTER_BYTES))
