"""Tests of the serial shell that cocotb runs in the simulator."""

from __future__ import annotations

import logging
import random
from collections import deque

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, FallingEdge

from quantloom.boards.driver import Accelerator
from quantloom.boards.driver.registers import read_map
from quantloom.boards.driver.serial_link import FLAG
from quantloom.boards.driver.serial_port import SerialTransport
from quantloom.gen.design import Design
from quantloom.gen.errors import QuantloomError
from quantloom.sim import golden

from .bench import directory, seed


class SimulatedLine:
    """The line of a simulated device, for a driver in a bridged thread.

    Parameters
    ----------
    noise : float
        Share of the packets before which there are random bytes, and of those, either way, in
        which a bit is wrong.
    """

    def __init__(self, dut, cycles, noise=0.0):
        self.dut, self.cycles, self.noise = dut, cycles, noise
        self.random = random.Random(seed())
        self.arrived = deque()
        self.spoilt = 0
        cocotb.start_soon(self._receive())

        @resume
        async def write(data):
            for byte in data:
                for bit in [0, *(byte >> k & 1 for k in range(8)), 1]:
                    dut.rx.value = bit
                    await ClockCycles(dut.clk, self.cycles)

        @resume
        async def read():
            for _ in range(400):
                if self.arrived:
                    break
                await ClockCycles(dut.clk, self.cycles)
            # What comes without a pause comes together.
            data = b""
            while self.arrived:
                data += bytes(self.arrived)
                self.arrived.clear()
                await ClockCycles(dut.clk, 12 * self.cycles)
            return data

        self._write, self._read = write, read

    async def _receive(self):
        while True:
            await FallingEdge(self.dut.tx)
            await ClockCycles(self.dut.clk, self.cycles // 2)
            byte = 0
            for k in range(8):
                await ClockCycles(self.dut.clk, self.cycles)
                byte |= int(self.dut.tx.value) << k
            await ClockCycles(self.dut.clk, self.cycles)
            assert self.dut.tx.value == 1
            self.arrived.append(byte)

    def _spoil(self, data):
        if not data or self.random.random() >= self.noise:
            return data
        self.spoilt += 1
        spoilt = bytearray(data)
        spoilt[self.random.randrange(len(spoilt))] ^= 1 << self.random.randrange(8)
        return bytes(spoilt)

    def write(self, data):
        if self.random.random() < self.noise:
            self._write(self.random.randbytes(self.random.randrange(1, 20)))
        self._write(self._spoil(data))

    def read(self, timeout):
        return self._spoil(self._read())


async def device(dut, noise=0.0):
    """A powered device: its line, map and design."""
    logging.getLogger("cocotb").setLevel(logging.ERROR)
    dut.rx.value = 1
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    await ClockCycles(dut.clk, 100)
    found = read_map(directory())
    return SimulatedLine(dut, round(found["clock_mhz"] * 1e6 / found["baud"]), noise), found


def images(count):
    """Random frames and what the golden model makes of them."""
    network = Design.load(directory()).network
    x = network.input
    frames = np.random.default_rng(seed()).integers(x.lo, x.hi + 1, (count, *x.shape))
    return frames, golden.run(network, frames)[network.output]


async def run(line, found, count, **options):
    """Frames through the driver; its report, what they must be, and the link."""
    frames, expected = images(count)

    def job():
        transport = SerialTransport(line, found["memory_bytes"], **options)
        accelerator = Accelerator(directory(), transport, timeout=600)
        return accelerator.run(frames), transport.link

    report, link = await bridge(job)()
    return report, expected, link


@cocotb.test
async def frames_over_the_line(dut):
    line, found = await device(dut)
    report, expected, link = await run(line, found, 6)
    assert np.array_equal(report.outputs, expected) and link.repeats == 0


@cocotb.test
async def frames_through_noise(dut):
    """Noise between packets and wrong bits in both directions: asked again, nothing twice."""
    line, found = await device(dut, noise=0.15)
    report, expected, link = await run(line, found, 6, tries=30)
    assert np.array_equal(report.outputs, expected)
    assert line.spoilt > 5 and link.repeats > 5
    assert report.frames == 6


@cocotb.test
async def host_goes_away(dut):
    """A host that stops in mid-packet and in mid-frame does not matter to the next one."""
    line, found = await device(dut)

    def give_up():
        transport = SerialTransport(line, found["memory_bytes"])
        accelerator = Accelerator(directory(), transport)
        registers = accelerator.registers
        registers.set("control", run=1)
        registers.write("in_address", 0)
        # Half a frame: the accelerator waits for the rest of it.
        registers.write("in_length", registers.constant("in_length") // 2)
        registers.set("in_frames", value=1)
        line._write(bytes([FLAG, 2, 77, 0, 0]))

    await bridge(give_up)()
    report, expected, _ = await run(line, found, 3)
    assert np.array_equal(report.outputs, expected)


@cocotb.test
async def nobody_there(dut):
    line, found = await device(dut)
    line._write = lambda data: None

    def job():
        try:
            SerialTransport(line, found["memory_bytes"], tries=2)
        except QuantloomError as problem:
            return str(problem)
        return ""

    assert "the device does not answer (2 tries)" in await bridge(job)()
