"""Tests of a shell that cocotb runs in the simulator."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from quantloom.sim import golden

from .bench import Bench


@cocotb.test
async def frames_under_stalls(dut):
    """20 frames with random pauses on all channels; counters, interrupt, high-water marks."""
    bench = await Bench(dut).start(stalls=0.4)
    frames, expected = bench.frames(20)
    report = await bench.drive(lambda accelerator: accelerator.run(frames))
    assert np.array_equal(report.outputs, expected)
    assert report.frames == 20
    assert await bench.read("frames_in") == await bench.read("frames_out") == 20
    assert await bench.read("in_done") == await bench.read("out_done") == 20
    assert await bench.read("errors") == 0
    assert dut.interrupt.value == 1  # the driver enables it and leaves the cause to be seen
    await bench.write("irq_status", 2)
    await ClockCycles(dut.aclk, 3)
    assert dut.interrupt.value == 0
    for mark, depth in report.fifo_high_water.values():
        assert 0 < mark <= depth
    master = bench.monitors[0]
    assert master.most_reads >= 2 and master.most_writes >= 1
    bench.legal()
