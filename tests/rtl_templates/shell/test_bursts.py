"""Jobs cut into bursts."""

from __future__ import annotations

import numpy as np
from amaranth.sim import Simulator

from quantloom.rtl_templates.shell.bursts import BurstPlanner

PAGE_WORDS = 512


def test_bursts_cover_the_frames():
    """Every word once, in order; no burst crosses 4 KiB or is longer than 16."""
    seed = 3
    rng = np.random.default_rng(seed)
    jobs = [{"address": int(rng.integers(0, 5000)), "stride": int(rng.integers(0, 900)),
             "length": int(length), "frames": int(rng.integers(1, 4))}
            for length in (1, 7, 8, 9, 127, 128, 129, 5000, 4096, 513)]
    dut = BurstPlanner()
    heads, seen = [], []
    wanted = [(job["address"] + frame * job["stride"] + word, word, frame, job)
              for job in jobs for frame in range(job["frames"])
              for word in range(-(-job["length"] // 8))]

    async def give(ctx):
        ctx.set(dut.run, 1)
        ctx.set(dut.head.ready, 1)
        for job in jobs:
            ctx.set(dut.job.payload, job)
            ctx.set(dut.job.valid, 1)
            await ctx.tick().until(dut.job.ready)
            ctx.set(dut.job.valid, 0)

    async def take(ctx):
        while len(seen) < len(wanted):
            ctx.set(dut.burst.ready, int(rng.random() < 0.5))
            _, _, head, valid, ready, burst, payload = await ctx.tick().sample(
                dut.head.valid, dut.burst.valid, dut.burst.ready, dut.burst.payload,
                dut.head.payload)
            if head:
                heads.append((payload.words, payload.tail, payload.frames))
            if valid and ready:
                assert 1 <= burst.beats <= 16
                assert burst.address // PAGE_WORDS == (
                    burst.address + burst.beats - 1) // PAGE_WORDS
                for k in range(burst.beats):
                    place, word, frame, job = wanted[len(seen)]
                    words = -(-job["length"] // 8)
                    ends = k == burst.beats - 1 and word == words - 1
                    assert burst.address + k == place % (1 << 29)
                    if k == burst.beats - 1:
                        assert burst.frame_last == ends
                        assert burst.job_last == (ends and frame == job["frames"] - 1)
                    assert burst.tail == (job["length"] - 1) % 8 + 1
                    seen.append(place)

    async def guard(ctx):
        for _ in range(20_000):
            await ctx.tick()
        raise TimeoutError(f"{len(seen)} of {len(wanted)} words, seed {seed}")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(give)
    simulator.add_testbench(take)
    simulator.add_testbench(guard, background=True)
    simulator.run()
    assert heads == [(-(-job["length"] // 8), (job["length"] - 1) % 8 + 1, job["frames"])
                     for job in jobs]
