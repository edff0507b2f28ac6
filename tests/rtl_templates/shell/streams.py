"""Random traffic through parts with one stream in and one out."""

from __future__ import annotations

import numpy as np
from amaranth.sim import Simulator

__all__ = ["run_stream"]

LIMIT = 20_000
"""Cycles after which a run counts as stuck."""


def run_stream(dut, items, count, *, seed, gaps=0.3, stalls=0.3, setup=None, each=None):
    """Send payloads (mappings) through ``dut.i`` and collect ``count`` of ``dut.o``.

    ``setup`` sets inputs before the first cycle, ``each`` is called in every cycle. Returns the
    payloads and the cycles until the last.
    """
    rng = np.random.default_rng(seed)
    got, cycles = [], [0]

    async def send(ctx):
        if setup is not None:
            setup(ctx)
        for item in items:
            while rng.random() < gaps:
                await ctx.tick()
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, item)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def receive(ctx):
        while len(got) < count:
            ctx.set(dut.o.ready, int(rng.random() >= stalls))
            _, _, valid, ready, payload = await ctx.tick().sample(dut.o.valid, dut.o.ready,
                                                                  dut.o.payload)
            cycles[0] += 1
            if valid and ready:
                got.append(payload)

    async def guard(ctx):
        for _ in range(LIMIT):
            await ctx.tick()
            if each is not None:
                each(ctx)
        raise TimeoutError(f"{len(got)} of {count} after {LIMIT} cycles, seed {seed}")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.add_testbench(guard, background=True)
    simulator.run()
    return got, cycles[0]
