"""Tests of an accelerator without a shell that cocotb runs in the simulator."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

LONG = 5
"""Frames' worth of cycles after which nothing moves any more."""


class Core:
    """Offers and takes beats with random pauses; raises if an offered beat does not stay."""

    def __init__(self, dut):
        self.dut = dut
        plan = json.loads(Path(os.environ["QUANTLOOM_TEST_PLAN"]).read_text())
        self.inputs, self.outputs, self.interval = (
            plan[name] for name in ("inputs", "outputs", "interval"))
        self.random = random.Random(plan["seed"])
        self.gaps = self.stalls = 0.0
        self.marks = lambda beat: False  # TLAST of a frame's beat
        self.pending: list[tuple[int, int]] = []
        self.got: list[tuple[int, int]] = []
        cocotb.start_soon(Clock(dut.aclk, 10, "ns").start())

    async def reset(self):
        """For a cycle, which is enough; whatever was under way is gone."""
        self.dut.s_axis_tvalid.value = 0
        self.dut.m_axis_tready.value = 0
        self.dut.aresetn.value = 0
        await FallingEdge(self.dut.aclk)
        await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        await FallingEdge(self.dut.aclk)
        self.pending, self.got, self.held = [], [], None
        self.offered = self.taken = False

    def feed(self, frame):
        """Queue a frame for the input."""
        self.pending += [(word, int(self.marks(beat)))
                         for beat, word in enumerate(self.inputs[frame])]

    async def cycle(self):
        """One clock cycle; whether anything moved."""
        dut = self.dut
        if self.taken:
            self.pending.pop(0)
            self.offered = False
        if self.pending and not self.offered and self.random.random() >= self.gaps:
            dut.s_axis_tdata.value, dut.s_axis_tlast.value = self.pending[0]
            self.offered = True
        dut.s_axis_tvalid.value = int(self.offered)
        ready = int(self.random.random() >= self.stalls)
        dut.m_axis_tready.value = ready
        self.taken = self.offered and bool(int(dut.s_axis_tready.value))
        beat = None
        if int(dut.m_axis_tvalid.value):
            beat = int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)
        assert self.held is None or beat == self.held, "an offered beat did not stay"
        self.held = None if ready else beat
        if beat is not None and ready:
            self.got.append(beat)
        await FallingEdge(dut.aclk)
        return self.taken or (beat is not None and ready)

    def expected(self, *frames):
        """Output beats of frames, with TLAST."""
        return [(word, int(k == len(self.outputs[f]) - 1))
                for f in frames for k, word in enumerate(self.outputs[f])]

    async def run(self, *frames):
        """Frames one behind the other; each must be right."""
        for frame in frames:
            self.feed(frame)
        wanted = self.expected(*frames)
        for _ in range(LONG * self.interval * (len(frames) + 1)):
            if len(self.got) == len(wanted):
                break
            await self.cycle()
        assert self.got == wanted
        self.got = []


@cocotb.test
async def reset_at_any_moment(dut):
    """A frame behind a reset is right, whatever was under way."""
    core = Core(dut)
    await core.reset()
    await core.run(0)
    for _ in range(15):
        core.gaps, core.stalls = core.random.choice([(0, 0), (0.5, 0), (0, 0.7)])
        for frame in range(len(core.inputs)):
            core.feed(frame)
        for _ in range(core.random.randrange(2 * core.interval)):
            await core.cycle()
        await core.reset()
        await core.run(core.random.randrange(len(core.inputs)))


@cocotb.test
async def back_pressure_for_ever(dut):
    """The accelerator fills up and stops; when its output is taken again, nothing is lost."""
    core = Core(dut)
    await core.reset()
    count = len(core.inputs)
    order = [k % count for k in range(3 * count)]
    for frame in order:
        core.feed(frame)
    core.stalls = 1.0
    fed = len(core.pending)
    for _ in range(LONG * core.interval):
        await core.cycle()
    stopped = len(core.pending)
    assert 0 < stopped < fed and not core.got and core.held == core.expected(0)[0]
    for _ in range(LONG * core.interval):
        assert not await core.cycle(), "it still moves"
    core.stalls = 0.2
    wanted = core.expected(*order)
    while len(core.got) < len(wanted):
        await core.cycle()
    assert core.got == wanted


@cocotb.test
async def frames_are_counted(dut):
    """TLAST at the input means nothing: early, late, always or never, beats make the frames."""
    core = Core(dut)
    await core.reset()
    for marks in (lambda beat: True, lambda beat: beat == 3,
                  lambda beat: core.random.random() < 0.5, lambda beat: False):
        core.marks = marks
        await core.run(0, 1)
