"""What runs inside the simulator: bus models around a shell, and the driver at its registers."""

from __future__ import annotations

import logging
import os
import random
from itertools import repeat
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiMaster, AxiRam, AxiResp

from quantloom.boards.driver import Accelerator
from quantloom.boards.driver.registers import read_map
from quantloom.gen.design import Design
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.types import IntType
from quantloom.sim import golden
from quantloom.sim.packing import pack

from .monitor import AxiMonitor, LiteMonitor

__all__ = ["Bench", "directory", "seed"]

MEMORY = 1 << 16


def directory() -> Path:
    """Output directory of the design under test."""
    return Path(os.environ["QUANTLOOM_TEST_DESIGN"])


def seed() -> int:
    """Seed of this run; printed by cocotb."""
    return int(os.environ["QUANTLOOM_TEST_SEED"])


class FaultyRam(AxiRam):
    """Memory that fails at some addresses.

    ``broken`` holds (first, last) byte addresses of failing words, for "read" and "write".
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.broken: dict[str, tuple[int, int] | None] = {"read": None, "write": None}
        for side, verb in ((self.read_if, "read"), (self.write_if, "write")):
            setattr(side, f"_{verb}", self._guard(verb, getattr(side, f"_{verb}")))

    def _guard(self, verb, access):
        async def guarded(address, other):
            span = self.broken[verb]
            if span is not None and span[0] <= address <= span[1]:
                raise ValueError(f"{verb} of {address:#x} fails as planted")
            return await access(address, other)

        return guarded

    def answer(self, response):
        """Fail with another response than SLVERR."""
        for channel, name in ((self.write_if.b_channel, "bresp"),
                              (self.read_if.r_channel, "rresp")):
            async def send(item, name=name, before=channel.send):
                if getattr(item, name) == AxiResp.SLVERR:
                    setattr(item, name, response)
                await before(item)

            channel.send = send

    def channels(self):
        """The five channels."""
        return (self.write_if.aw_channel, self.write_if.w_channel, self.write_if.b_channel,
                self.read_if.ar_channel, self.read_if.r_channel)


class RamBuffer:
    """A part of the simulated memory."""

    def __init__(self, ram, address, size):
        self.ram, self.address = ram, address
        self.array = np.zeros(size, np.uint8)

    def flush(self):
        self.ram.write(self.address, self.array.tobytes())

    def invalidate(self):
        self.array[:] = np.frombuffer(self.ram.read(self.address, len(self.array)), np.uint8)

    def close(self):
        pass


class Bridge:
    """The driver's transport, for code that runs in a bridged thread."""

    def __init__(self, bench):
        self.bench = bench
        self.free = 0x100

        @resume
        async def read(offset):
            return await bench.read(offset)

        @resume
        async def write(offset, value):
            await bench.write(offset, value)

        @resume
        async def wait():
            await ClockCycles(bench.clock, 50)

        self._read, self._write, self._wait = read, write, wait

    def read32(self, offset):
        return self._read(offset)

    def write32(self, offset, value):
        self._write(offset, value)

    def allocate(self, size):
        buffer = RamBuffer(self.bench.ram, self.free, size)
        self.free = (self.free + size + 7) // 8 * 8 % (MEMORY // 2)
        return buffer

    def wait(self, seconds):
        self._wait()


class Bench:
    """A shell between a processor and a memory: one with ports (``axi``), or a whole Zynq."""

    def __init__(self, dut, *, memory=True):
        self.dut = dut
        for name in ("cocotbext", f"cocotb.{dut._name}"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.random = random.Random(seed())
        if hasattr(dut, "s_axi_awaddr"):
            self.clock, self.resetn, self.interrupt = dut.aclk, dut.aresetn, dut.interrupt
            self.lite = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), self.clock,
                                      self.resetn, reset_active_level=False)
            ports = [(AxiMonitor, dut, "m_axi"), (LiteMonitor, dut, "s_axi")]
        else:
            cell = dut.processor
            self.clock, self.resetn, self.interrupt = cell.fclk, cell.fresetn, cell.interrupt
            self.lite = AxiMaster(AxiBus.from_prefix(cell, "gp0"), self.clock, self.resetn,
                                  reset_active_level=False)
            ports = [(AxiMonitor, cell, "hp0")]
        self.monitors = [kind(entity, prefix, self.clock, self.resetn)
                         for kind, entity, prefix in ports]
        if memory:
            _, entity, prefix = ports[0]
            self.ram = FaultyRam(AxiBus.from_prefix(entity, prefix), self.clock, self.resetn,
                                 reset_active_level=False, size=MEMORY)
        cocotb.start_soon(Clock(self.clock, 10, "ns").start())
        self.map = read_map(directory())
        self.base = self.map["base"] or 0
        self.design = Design.load(directory())
        self.offsets = {register["name"]: register["offset"] for register in self.map["registers"]}

    async def start(self, stalls=0.0):
        """Reset; channels pause in that share of the cycles."""
        await self.reset()
        for monitor in self.monitors:
            cocotb.start_soon(monitor.run())
        if stalls:
            self.stall(stalls)
        return self

    async def reset(self):
        """The whole chip."""
        self.resetn.value = 0
        await ClockCycles(self.clock, 5)
        self.resetn.value = 1
        await ClockCycles(self.clock, 5)

    def stall(self, share):
        """Let all channels pause in that share of the cycles."""
        lite = self.lite
        for channel in (*self.ram.channels(), lite.write_if.aw_channel, lite.write_if.w_channel,
                        lite.write_if.b_channel, lite.read_if.ar_channel,
                        lite.read_if.r_channel):
            rng = random.Random(self.random.random())
            channel.set_pause_generator(rng.random() < share for _ in repeat(None))

    async def read(self, name):
        """Word of a register by name or offset."""
        offset = self.offsets.get(name, name)
        return int.from_bytes((await self.lite.read(self.base + offset, 4)).data, "little")

    async def write(self, name, value):
        """Write a register by name or offset."""
        offset = self.offsets.get(name, name)
        await self.lite.write(self.base + offset, (value & 0xFFFFFFFF).to_bytes(4, "little"))

    async def drive(self, function):
        """Run a function of an :class:`Accelerator` in a thread, as a user's program would be."""
        def job():
            return function(Accelerator(directory(), Bridge(self), timeout=600))

        return await bridge(job)()

    def frames(self, count):
        """Random frames and what the golden model makes of them."""
        x = self.design.network.input
        rng = np.random.default_rng(seed())
        frames = rng.integers(x.lo, x.hi + 1, (count, *x.shape))
        return frames, golden.run(self.design.network, frames)[self.design.network.output]

    async def until(self, condition, limit=20_000):
        """Wait for a coroutine function to return something true."""
        for _ in range(limit // 20):
            if await condition():
                return
            await ClockCycles(self.clock, 20)
        raise TimeoutError(f"not within {limit} cycles")

    def legal(self):
        """Raise if a monitor found anything."""
        errors = [error for monitor in self.monitors for error in monitor.errors]
        assert not errors, "\n".join(errors[:10])

    async def job(self, side, address, frames, *, stride=None, length=None):
        """Put a job into a queue, with the length of the accelerator's frames if none is given."""
        length = self.length(side) if length is None else length
        await self.write(f"{side}_address", address)
        await self.write(f"{side}_stride", -(-length // 8) * 8 if stride is None else stride)
        await self.write(f"{side}_length", length)
        await self.write(f"{side}_frames", frames)

    def length(self, side):
        """Bytes of a frame."""
        end = self.map[f"{side}put"]
        return end["beats"] * end["beat_bytes"]

    def bytes_of(self, side, values):
        """Each frame of a tensor as it is in memory."""
        end = self.map[f"{side}put"]
        shape = StreamShape(IntType.parse(end["type"]), end["lanes"], end["beats"])
        words = pack(values.reshape(-1, shape.lanes), shape)
        rows = words.view(np.uint8)[:, : end["beat_bytes"]]
        return [row.tobytes() for row in rows.reshape(len(values), -1)]

    async def done(self, frames, side="out"):
        """Wait until so many frames are through."""
        async def reached():
            return await self.read(f"{side}_done") >= frames

        await self.until(reached)

    async def flags(self, name="errors"):
        """Names of the flags that are set."""
        word = await self.read(name)
        (register,) = (r for r in self.map["registers"] if r["name"] == name)
        return {field["name"] for field in register["fields"] if word >> field["low"] & 1}
