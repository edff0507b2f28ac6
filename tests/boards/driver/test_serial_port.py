"""A serial port as a device: a pseudo-terminal stands for the cable."""

import os
import struct
import threading

import pytest

from quantloom.boards.driver.devices import open_device
from quantloom.boards.driver.serial_link import Deframer, framed
from quantloom.gen.errors import QuantloomError
from quantloom.rtl_templates.shell.bridge import REFUSED, Operation

SERIAL = pytest.importorskip("serial", reason="pyserial is not installed")
DESCRIBED = {"baud": 1_000_000, "memory_bytes": 256, "base": None}


class Device:
    """Answers requests like the hardware: registers that add, and memory."""

    def __init__(self, lose=()):
        self.master, slave = os.openpty()
        self.name = os.ttyname(slave)
        self.slave = slave
        self.registers, self.memory, self.lose = {}, bytearray(256), list(lose)
        self.requests, self.done = 0, None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        deframer = Deframer()
        while True:
            try:
                data = os.read(self.master, 4096)
            except OSError:
                return
            for packet in deframer.feed(data):
                self.requests += 1
                answer = self._answer(packet)
                if self.requests not in self.lose:
                    os.write(self.master, b"noise" + framed(answer))

    def _answer(self, packet):
        operation, number, address = struct.unpack("<BBI", packet[:6])
        data, again = packet[6:], number == self.done
        self.done = number
        if address >= 256:
            return bytes([operation | REFUSED, number])
        if operation == Operation.WRITE_REGISTER and not again:
            self.registers[address] = self.registers.get(address, 0) + int.from_bytes(
                data, "little")
        elif operation == Operation.READ_REGISTER:
            return packet[:2] + self.registers.get(address, 0).to_bytes(4, "little")
        elif operation == Operation.READ_MEMORY:
            return packet[:2] + bytes(self.memory[address : address + 8 * data[0]])
        elif operation == Operation.WRITE_MEMORY:
            self.memory[address : address + len(data)] = data
        return packet[:2]


def test_registers_and_buffers():
    device = Device()
    transport = open_device(device.name, DESCRIBED)
    transport.write32(8, 5)
    assert transport.read32(8) == 5
    first, second = transport.allocate(100), transport.allocate(20)
    assert (first.address, second.address) == (0, 104)
    first.array[:] = range(100)
    first.flush()
    first.array[:] = 0
    first.invalidate()
    assert first.array.tolist() == list(range(100))
    with pytest.raises(QuantloomError, match=r"has 256 bytes of memory, of which 128 are taken"):
        transport.allocate(200)
    second.close()
    assert transport.allocate(152).address == 104


def test_lost_answers_are_asked_for_again_and_nothing_is_done_twice():
    device = Device(lose=[2, 3, 5])
    transport = open_device(device.name, DESCRIBED)
    transport.write32(0, 7)  # answered at the third time
    assert transport.read32(0) == 7
    assert transport.link.repeats == 3


def test_refusals():
    device = Device()
    transport = open_device(device.name, DESCRIBED)
    with pytest.raises(QuantloomError, match="refuses read_register at 0x400: is it another"):
        transport.read32(1024)
    with pytest.raises(QuantloomError, match="/no/such/port: cannot be opened"):
        open_device("/no/such/port", DESCRIBED)


def test_silence():
    device = Device(lose=range(1, 100))
    with pytest.raises(QuantloomError, match=r"does not answer \(8 tries\): is the bitstream"):
        open_device(device.name, DESCRIBED)
