"""What runs inside the simulator for :mod:`.upsets`."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Deposit
from cocotb.triggers import FallingEdge

RESET_CYCLES = 4


UNKNOWN = -1
"""Of a word with bits that the simulator does not know: read behind the end of a memory, say."""


def number(handle):
    """Value of a signal; a flag that is not known is not set."""
    value = handle.value
    return int(value) if value.is_resolvable else UNKNOWN if len(handle) > 1 else 0


class Core:
    """An accelerator whose output is always taken, and whose input is always offered."""

    def __init__(self, dut, inputs):
        self.dut = dut
        self.beats = [word for frame in inputs for word in frame]

    async def reset(self):
        """Everything begins again."""
        self.dut.s_axis_tvalid.value = 0
        self.dut.aresetn.value = 0
        for _ in range(RESET_CYCLES):
            await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        await FallingEdge(self.dut.aclk)
        self.given = 0
        self.taken = False
        self.got = []

    async def cycle(self):
        """Offer a beat, take a beat."""
        dut = self.dut
        self.given += self.taken
        if self.given < len(self.beats):
            if self.taken or not self.given:
                dut.s_axis_tdata.value = self.beats[self.given]
                dut.s_axis_tvalid.value = 1
        elif self.taken:
            dut.s_axis_tvalid.value = 0
        self.taken = self.given < len(self.beats) and number(dut.s_axis_tready)
        if number(dut.m_axis_tvalid):
            self.got.append((number(dut.m_axis_tdata), number(dut.m_axis_tlast)))
        await FallingEdge(dut.aclk)


def outcome(got, expected):
    """Name of what came of an upset."""
    beats = len(expected[0])
    wanted = [word for frame in expected for word in frame]
    if any(last != (k % beats == beats - 1) for k, (_, last) in enumerate(got)):
        return "flagged"
    if len(got) < len(wanted):
        return "stopped"
    words = [word for word, _ in got]
    if words == wanted:
        return "correct"
    return "passing" if words[-beats:] == wanted[-beats:] and len(got) == len(wanted) else "lasting"


@cocotb.test
async def upsets(dut):
    """Each flip of the plan; the first frame behind each reset must be right."""
    work = Path(os.environ["QUANTLOOM_UPSETS"])
    plan = json.loads((work / "plan.json").read_text())
    rng = random.Random(plan["seed"])
    expected = plan["outputs"]
    beats, total = len(expected[0]), sum(map(len, expected))
    dut.s_axis_tlast.value = 0
    dut.m_axis_tready.value = 1
    cocotb.start_soon(Clock(dut.aclk, 10, "ns").start())
    core = Core(dut, plan["inputs"])
    await core.reset()
    nominal = 0
    while len(core.got) < total:
        await core.cycle()
        nominal += 1
    assert outcome(core.got, expected) == "correct"
    outcomes = []
    for path, bit in [*plan["flips"], (None, 0)]:
        await core.reset()
        cycles = 0
        while len(core.got) < beats and cycles < nominal:
            await core.cycle()
            cycles += 1
        first = [word for word, _ in core.got]
        assert first == expected[0], f"wrong behind a reset: {outcomes[-1:]}"
        if path is None:
            break
        moment = rng.randrange(nominal // 2)
        for _ in range(moment):
            await core.cycle()
        register = dut
        for name in path.split("."):
            register = getattr(register, name)
        register.value = Deposit(number(register) ^ 1 << bit)
        await core.cycle()
        cycles = 0
        while len(core.got) < total and cycles < 2 * nominal:
            await core.cycle()
            cycles += 1
        for _ in range(8):  # nothing must follow
            await core.cycle()
        outcomes.append({"register": path, "bit": bit, "cycle": moment,
                         "outcome": outcome(core.got, expected)})
    (work / "outcomes.json").write_text(json.dumps(outcomes))
