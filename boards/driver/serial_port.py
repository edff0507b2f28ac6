"""A device at a serial port: the same registers and buffers as on a processor's bus."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...gen.errors import QuantloomError
from .serial_link import Line, SerialLink

__all__ = ["PortLine", "SerialTransport"]

ALIGNMENT = 8


class PortLine:
    """A serial port of this machine, through pyserial.

    Parameters
    ----------
    port : str
        ``/dev/ttyUSB0``, ``COM3``, or a URL that pyserial takes.
    baud : int

    Raises
    ------
    QuantloomError
        If pyserial is not installed, or the port cannot be opened.
    """

    def __init__(self, port: str, baud: int):
        try:
            import serial
        except ImportError:
            raise QuantloomError("serial ports need pyserial: run 'pip install pyserial'") from None
        try:
            self._port = serial.serial_for_url(port, baudrate=baud, timeout=0)
        except (serial.SerialException, ValueError) as error:
            raise QuantloomError(f"{port}: cannot be opened: {error}") from error
        self._baud = baud
        self._sent = 0.0

    def write(self, data: bytes) -> None:
        self._port.reset_input_buffer()
        self._port.write(data)
        self._sent = 10 * len(data) / self._baud

    def read(self, timeout: float) -> bytes:
        self._port.timeout = timeout + self._sent
        self._sent = 0.0
        first = bytes(self._port.read(1))
        return first + bytes(self._port.read(self._port.in_waiting)) if first else b""


class _Buffer:
    """A part of the device's memory, and its copy here."""

    def __init__(self, transport: SerialTransport, address: int, size: int):
        self.address = address
        self.array = np.zeros(size, np.uint8)
        self._transport = transport

    def flush(self) -> None:
        """Send the copy to the device."""
        self._transport.link.write(self.address, _whole_words(self.array.tobytes()))

    def invalidate(self) -> None:
        """Fetch what the device has."""
        size = len(self.array)
        found = self._transport.link.read(self.address, -(-size // ALIGNMENT) * ALIGNMENT)
        self.array[:] = np.frombuffer(found, np.uint8)[:size]

    def close(self) -> None:
        """Give the memory back."""
        self._transport.release(self)


class SerialTransport:
    """See :class:`.Transport`.

    Parameters
    ----------
    line : Line
    memory : int
        Bytes of memory on the device.
    """

    def __init__(self, line: Line, memory: int, **options: Any):
        self.link = SerialLink(line, **options)
        self.memory = memory
        self._taken: list[_Buffer] = []

    def read32(self, offset: int) -> int:
        return self.link.read32(offset)

    def write32(self, offset: int, value: int) -> None:
        self.link.write32(offset, value)

    def allocate(self, size: int) -> _Buffer:
        end = max((b.address + len(b.array) for b in self._taken), default=0)
        address = -(-end // ALIGNMENT) * ALIGNMENT
        if address + size > self.memory:
            raise QuantloomError(f"the device has {self.memory:,} bytes of memory, of which "
                                 f"{address:,} are taken; {size:,} more do not fit")
        buffer = _Buffer(self, address, size)
        self._taken.append(buffer)
        return buffer

    def release(self, buffer: _Buffer) -> None:
        """Take a buffer back."""
        self._taken.remove(buffer)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


def _whole_words(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
