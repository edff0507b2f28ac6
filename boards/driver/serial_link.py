"""The host's end of the serial protocol: packets, and asking again until an answer comes."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Protocol

from ...gen.errors import QuantloomError
from ...rtl_templates.shell.bridge import MAX_WORDS, REFUSED, Operation
from ...rtl_templates.shell.hdlc import CHECKSUM, ESCAPE, FLAG, FLIP

__all__ = ["Deframer", "Line", "SerialLink", "framed"]

WORD = 8
"""Bytes of a word of memory."""


class Line(Protocol):
    """Bytes to and from a device."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def read(self, timeout: float) -> bytes:
        """Bytes that have arrived, at least one unless the time is over; ``timeout`` in s."""


def framed(packet: bytes) -> bytes:
    """A packet with its checksum between flags."""
    body = packet + struct.pack("<H", CHECKSUM.compute(packet))
    stuffed = b"".join(bytes([ESCAPE, byte ^ FLIP]) if byte in (FLAG, ESCAPE) else bytes([byte])
                       for byte in body)
    return bytes([FLAG]) + stuffed + bytes([FLAG])


class Deframer:
    """Packets from bytes, whatever else there is between them."""

    def __init__(self) -> None:
        self._body, self._escaped = bytearray(), False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that end in ``data`` and whose checksum is right."""
        for byte in data:
            if byte == FLAG:
                body, whole = bytes(self._body), not self._escaped
                self._body, self._escaped = bytearray(), False
                if whole and len(body) > 2 and (
                        CHECKSUM.compute(body[:-2]) == struct.unpack("<H", body[-2:])[0]):
                    yield body[:-2]
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._body.append(byte ^ FLIP if self._escaped else byte)
                self._escaped = False


class SerialLink:
    """Registers and memory at the other end of a line.

    Parameters
    ----------
    line : Line
    timeout : float
        Seconds that an answer may take, the line's own time left out.
    tries : int
        How often a request is sent before the device counts as gone.
    """

    def __init__(self, line: Line, *, timeout: float = 0.2, tries: int = 8):
        self.line, self.timeout, self.tries = line, timeout, tries
        self._number = random.randrange(256)
        self.repeats = 0
        self.read32(0)  # so that no number of before is taken for ours

    def read32(self, offset: int) -> int:
        """Word of a register, by its offset in bytes."""
        return int.from_bytes(self._ask(Operation.READ_REGISTER, offset, answer=4), "little")

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""
        self._ask(Operation.WRITE_REGISTER, offset, value.to_bytes(4, "little"))

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory; address and size are multiples of 8."""
        step = WORD * MAX_WORDS
        return b"".join(
            self._ask(Operation.READ_MEMORY, address + at, bytes([min(step, size - at) // WORD]),
                      answer=min(step, size - at)) for at in range(0, size, step))

    def write(self, address: int, data: bytes) -> None:
        """Write memory; address and length are multiples of 8."""
        step = WORD * MAX_WORDS
        for at in range(0, len(data), step):
            self._ask(Operation.WRITE_MEMORY, address + at, data[at : at + step])

    def _ask(self, operation: Operation, address: int, data: bytes = b"", *,
             answer: int = 0) -> bytes:
        self._number = (self._number + 1) % 256
        request = framed(struct.pack("<BBI", operation, self._number, address) + data)
        for attempt in range(self.tries):
            self.repeats += attempt > 0
            self.line.write(request)
            packets = Deframer()
            while received := self.line.read(self.timeout):
                for packet in packets.feed(received):
                    if packet[1:2] != bytes([self._number]):
                        continue  # a late answer to something else
                    if packet[0] == operation | REFUSED:
                        raise QuantloomError(f"the device refuses {operation.name.lower()} at "
                                             f"0x{address:X}: is it another design's?")
                    if packet[0] == operation and len(packet) == 2 + answer:
                        return packet[2:]
        raise QuantloomError(f"the device does not answer ({self.tries} tries): is the bitstream "
                             "loaded, and is it the right port and rate?")
