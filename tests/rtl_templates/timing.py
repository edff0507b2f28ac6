"""Compares a block's schedule with when its hardware moves tokens."""

from __future__ import annotations

import numpy as np
from amaranth.sim import Simulator

from quantloom.rtl_templates.block import BlockParams, Timing

__all__ = ["check_schedule", "measure"]

PERIOD = 1e-6


def _ports(dut, letter: str, count: int) -> list:
    return [getattr(dut, f"{letter}_{k}" if k else letter) for k in range(count)]


def measure(params: BlockParams, arrivals: list[np.ndarray], *, limit: int) -> Timing:
    """Cycles in which the hardware takes and gives each beat, outputs never held back.

    In every cycle the outputs' ready is also tried low: nothing may depend on it at once.
    """
    dut = params.create()
    inputs = _ports(dut, "i", len(params.inputs))
    outputs = _ports(dut, "o", len(params.outputs))
    frames = len(arrivals[0]) // params.inputs[0].beats
    consumed: list[list[int]] = [[] for _ in inputs]
    produced: list[list[int]] = [[] for _ in outputs]

    async def bench(ctx):
        def offer(cycle):
            for port, times, done in zip(inputs, arrivals, consumed, strict=True):
                ctx.set(port.valid, int(len(done) < len(times) and times[len(done)] <= cycle))

        def check_independence():
            """No input's ready and no output's valid follows an output's ready at once."""
            before = [ctx.get(flag) for flag in held]
            for value in (0, 1):
                for port in outputs:
                    ctx.set(port.ready, value)
                assert [ctx.get(flag) for flag in held] == before, "combinational path from ready"

        for port in outputs:
            ctx.set(port.ready, 1)
        held = [*(port.ready for port in inputs), *(port.valid for port in outputs)]
        flags = [flag for port in (*inputs, *outputs) for flag in (port.valid, port.ready)]
        offer(0)
        check_independence()
        cycle = 0
        async for _, _, *sampled in ctx.tick().sample(*flags):
            moved = [v and r for v, r in zip(sampled[::2], sampled[1::2], strict=True)]
            for done, move in zip((*consumed, *produced), moved, strict=True):
                if move:
                    done.append(cycle)
            cycle += 1
            if all(len(done) >= frames * shape.beats
                   for done, shape in zip(produced, params.outputs, strict=True)):
                return
            if cycle > limit:
                raise TimeoutError(f"stuck: {[len(done) for done in produced]} beats produced")
            offer(cycle)
            check_independence()

    simulator = Simulator(dut)
    simulator.add_clock(PERIOD)
    simulator.add_testbench(bench)
    simulator.run()
    return Timing(tuple(map(np.array, consumed)), tuple(map(np.array, produced)))


def check_schedule(params: BlockParams, *, seed: int, frames: int = 3) -> None:
    """The schedule equals the hardware's timing, cycle by cycle.

    Tried with all beats there from the start, and with random gaps of three densities.
    """
    rng = np.random.default_rng(seed)
    for density in (0.0, 0.2, 1.0, 3.0):
        arrivals = [np.cumsum(rng.poisson(density, frames * s.beats)) for s in params.inputs]
        want = params.schedule(frames, *arrivals)
        last = max(int(t.max()) for t in (*want.consumed, *want.produced))
        got = measure(params, arrivals, limit=2 * last + 100)
        for side in ("consumed", "produced"):
            for port, (a, b) in enumerate(zip(getattr(got, side), getattr(want, side),
                                              strict=True)):
                np.testing.assert_array_equal(
                    a, b[: len(a)], err_msg=f"{side} at port {port}, gaps {density}: {params}")
