"""A shell in software: the registers that a driver uses, frames by the golden model."""

from __future__ import annotations

import numpy as np

from quantloom.boards.driver.registers import read_map
from quantloom.gen.design import Design
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.types import IntType
from quantloom.sim import golden
from quantloom.sim.packing import pack, unpack

__all__ = ["SoftwareShell"]

MASK = 0xFFFFFFFF


class SoftwareShell:
    """A transport to a device that computes jobs as soon as both sides have one.

    ``wrong`` is added to the first element of the first output frame; ``flag`` is a bit of the
    error register to be raised with the next job; ``dead`` devices do nothing.
    """

    def __init__(self, directory):
        self.map = read_map(directory)
        self.network = Design.load(directory).network
        self.names = {register["offset"]: register["name"] for register in self.map["registers"]}
        self.words = {register["name"]: register["reset"] for register in self.map["registers"]}
        self.buffers = []
        self.wrong, self.flag, self.dead = 0, 0, False
        self.resets = self.closed = 0

    def read32(self, offset):
        return self.words[self.names[offset]]

    def write32(self, offset, value):
        name = self.names[offset]
        if name in ("errors", "irq_status"):
            self.words[name] &= ~value & MASK
        elif name == "control" and value & 4:
            self.resets += 1
            for counter in ("in_done", "out_done", "in_frames", "out_frames"):
                self.words[counter] = 0
        else:
            self.words[name] = value
        if name == "in_frames" and not self.dead:
            self.compute()

    def allocate(self, size):
        buffer = _Buffer(self, 0x1000 + 0x10000 * len(self.buffers), size)
        self.buffers.append(buffer)
        return buffer

    def wait(self, seconds):
        pass

    def rows(self, side):
        """Frames of a job in their buffer, by row."""
        address, stride = self.words[f"{side}_address"], self.words[f"{side}_stride"]
        (buffer,) = (b for b in self.buffers if b.address == address and not b.closed)
        frames = self.words["in_frames"]
        rows = buffer.array[: frames * stride].reshape(frames, stride)
        return rows[:, : self.words[f"{side}_length"]]

    def compute(self):
        if self.words["in_frames"] != self.words["out_frames"]:
            return  # frames are waited for that never come
        shapes = {end: StreamShape(IntType.parse(self.map[end]["type"]), self.map[end]["lanes"],
                                   self.map[end]["beats"]) for end in ("input", "output")}
        rows = self.rows("in")
        frames = len(rows)
        beats = rows.reshape(frames * shapes["input"].beats, -1)
        words = np.zeros((len(beats), -(-shapes["input"].width // 32) * 4), np.uint8)
        words[:, : beats.shape[1]] = beats
        x = unpack(words.view("<u4"), shapes["input"]).reshape(frames, *self.network.input.shape)
        y = golden.run(self.network, x)[self.network.output]
        y.reshape(frames, -1)[0, 0] += self.wrong
        packed = pack(y.reshape(-1, shapes["output"].lanes), shapes["output"]).view(np.uint8)
        size = self.map["output"]["beat_bytes"]
        self.rows("out")[:] = packed[:, :size].reshape(frames, -1)
        for side in ("in", "out"):
            self.words[f"{side}_done"] += frames
        self.words["cycles_low"] = self.words["cycles_low"] + 100 * frames & MASK
        self.words["latency"], self.words["interval"] = 150, 100
        self.words["errors"] |= self.flag


class _Buffer:
    def __init__(self, shell, address, size):
        self.shell, self.address, self.closed = shell, address, False
        self.array = np.zeros(size, np.uint8)

    def flush(self):
        pass

    def invalidate(self):
        pass

    def close(self):
        self.closed = True
        self.shell.closed += 1
