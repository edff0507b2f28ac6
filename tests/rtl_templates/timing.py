"""Compares a block's schedule with when its hardware moves tokens.

Buffers are sized by schedules, see :mod:`quantloom.gen.dataflow.buffers`. That this holds for
networks follows from three properties of each block: its schedule is exact
(:func:`check_schedule`), with the places that it asks for it keeps a schedule whose beats are
taken later (:func:`check_places`), and beats that come and go earlier make none later
(:func:`check_monotone`).
"""

from __future__ import annotations

import numpy as np

from quantloom.rtl_templates.block import BlockParams, Timing, serve

from .simulation import Simulation

__all__ = ["check_monotone", "check_places", "check_schedule"]

QUEUE_DEPTH = 64
"""Places that a block's own output queue may have."""


def _ports(dut, letter: str, count: int) -> list:
    return [getattr(dut, f"{letter}_{k}" if k else letter) for k in range(count)]


class TimedBlock:
    """A block whose beats come and go at given cycles, each seen when it moves."""

    def __init__(self, params: BlockParams) -> None:
        self.params = params
        dut = params.create()
        self._inputs = _ports(dut, "i", len(params.inputs))
        self._outputs = _ports(dut, "o", len(params.outputs))
        self._simulation = Simulation(dut)

    def measure(self, arrivals: list[np.ndarray], *, limit: int,
                opens: list[np.ndarray] | None = None) -> tuple[Timing, list[np.ndarray]]:
        """Cycles in which the hardware takes and gives each beat.

        In every cycle the outputs' ready is also tried low and high: nothing may depend on it at
        once.

        Parameters
        ----------
        arrivals : list of array of int, (frames * beats,)
            Cycle from which each beat is at the input.
        limit : int
            Cycles after which the block counts as stuck.
        opens : list of array of int, (frames * beats,), or None
            Cycle from which each output beat may be taken; None: outputs are never held back.

        Returns
        -------
        timing : Timing
        offered : list of array of int, (frames * beats,)
            Cycle from which each output beat was at the output.
        """
        params, inputs, outputs = self.params, self._inputs, self._outputs
        frames = len(arrivals[0]) // params.inputs[0].beats
        if opens is None:
            opens = [np.zeros(frames * shape.beats, np.int64) for shape in params.outputs]
        consumed: list[list[int]] = [[] for _ in inputs]
        produced: list[list[int]] = [[] for _ in outputs]
        offered: list[list[int]] = [[] for _ in outputs]

        async def bench(ctx):
            def offer(cycle):
                for port, times, done in zip(inputs, arrivals, consumed, strict=True):
                    ctx.set(port.valid, int(len(done) < len(times) and times[len(done)] <= cycle))
                check_independence()
                for port, times, done in zip(outputs, opens, produced, strict=True):
                    ctx.set(port.ready, int(len(done) < len(times) and times[len(done)] <= cycle))

            def check_independence():
                """No input's ready and no output's valid follows an output's ready at once."""
                before = [ctx.get(flag) for flag in held]
                for value in (0, 1):
                    for port in outputs:
                        ctx.set(port.ready, value)
                    after = [ctx.get(flag) for flag in held]
                    assert after == before, "combinational path from ready"

            held = [*(port.ready for port in inputs), *(port.valid for port in outputs)]
            flags = [flag for port in (*inputs, *outputs) for flag in (port.valid, port.ready)]
            offer(0)
            cycle = 0
            async for _, _, *sampled in ctx.tick().sample(*flags):
                valid, ready = sampled[::2], sampled[1::2]
                for done, seen, v in zip(produced, offered, valid[len(inputs):], strict=True):
                    if v and len(seen) == len(done):
                        seen.append(cycle)
                for done, v, r in zip((*consumed, *produced), valid, ready, strict=True):
                    if v and r:
                        done.append(cycle)
                cycle += 1
                if all(len(done) >= frames * shape.beats
                       for done, shape in zip(produced, params.outputs, strict=True)):
                    return
                if cycle > limit:
                    raise TimeoutError(f"stuck: {[len(done) for done in produced]} beats produced")
                offer(cycle)

        self._simulation.run(bench)
        return (Timing(tuple(map(np.array, consumed)), tuple(map(np.array, produced))),
                list(map(np.array, offered)))


def check_schedule(params: BlockParams, *, seed: int, frames: int = 3) -> None:
    """The schedule equals the hardware's timing, cycle by cycle.

    Tried with all beats there from the start, and with random gaps of three densities.
    """
    rng = np.random.default_rng(seed)
    block = TimedBlock(params)
    for density in (0.0, 0.2, 1.0, 3.0):
        arrivals = [np.cumsum(rng.poisson(density, frames * s.beats)) for s in params.inputs]
        want = params.schedule(frames, *arrivals)
        last = max(int(t.max()) for t in (*want.consumed, *want.produced))
        got, _ = block.measure(arrivals, limit=2 * last + 100)
        for side in ("consumed", "produced"):
            for port, (a, b) in enumerate(zip(getattr(got, side), getattr(want, side),
                                              strict=True)):
                np.testing.assert_array_equal(
                    a, b[: len(a)], err_msg=f"{side} at port {port}, gaps {density}: {params}")


def _gaps(rng: np.random.Generator, beats: int) -> np.ndarray:
    """When beats come: evenly, at random, or in bursts, at a pace of their own."""
    density = rng.choice([0.0, 0.5, 1.0, 2.0])
    pauses = rng.poisson(density, beats)
    if rng.random() < 0.5:
        pauses = np.where(rng.random(beats) < 0.15, pauses * rng.integers(4, 12), pauses > 2)
    return np.cumsum(pauses)


def _last(timing: Timing) -> int:
    return max(int(times.max()) for times in (*timing.consumed, *timing.produced))


def check_places(params: BlockParams, *, seed: int, frames: int = 3, tries: int = 4) -> None:
    """With the places that the block asks for, the hardware is never later than the schedule.

    The schedule is that of a network: paced, and each beat is taken when a consumer has done
    with it that began when it was there. The hardware's beats come when the schedule's do, and
    may be taken from the cycle on in which the schedule's are.
    """
    rng = np.random.default_rng(seed)
    for number in range(tries):
        arrivals = [_gaps(rng, frames * s.beats) for s in params.inputs]
        interval = int(params.cycles * rng.choice([1.0, 1.1, 1.5, 2.0])) + 1
        timing = params.paced_schedule(interval, frames, *arrivals)
        depths, there, taken = [], [], []
        for port, begun in enumerate(timing.produced):
            keeps = rng.integers(1, 1 + rng.choice([1, 2, 3, 5]), len(begun))
            if rng.random() < 0.5:
                keeps[:] = keeps[0]
            pauses = _gaps(rng, len(begun)) * rng.integers(0, 3)
            depth = QUEUE_DEPTH + 1
            while depth > QUEUE_DEPTH:  # deeper ones are FIFOs
                at = begun
                for _ in range(2):  # a queue may make beats later
                    times = serve(np.maximum(at, pauses), keeps) + keeps - 1
                    depth = params.places(timing, port, times)
                    at = np.maximum(at, begun + params.queue_delay(depth))
                keeps, pauses = (keeps + 1) // 2, pauses // 2
            depths.append(depth)
            there.append(at)
            taken.append(times)
        block = params.with_depths(depths)
        text = f"try {number} of seed {seed}: {block}"
        limit = 2 * max(_last(timing), *(int(times.max()) for times in taken)) + 100
        got, offered = TimedBlock(block).measure(arrivals, limit=limit, opens=taken)
        for at, times, seen, moved in zip(there, taken, offered, got.produced, strict=True):
            wanted = np.maximum(at, np.append(0, times[:-1] + 1))
            np.testing.assert_array_less(seen, wanted + 1, err_msg=text)
            np.testing.assert_array_equal(moved, times, err_msg=text)
        for times, moved in zip(timing.consumed, got.consumed, strict=True):
            np.testing.assert_array_less(moved, times[: len(moved)] + 1, err_msg=text)


def check_monotone(params: BlockParams, *, seed: int, frames: int = 2, tries: int = 2) -> None:
    """Beats that come earlier and may be taken earlier never make the hardware later."""
    rng = np.random.default_rng(seed)
    block = TimedBlock(params)
    for number in range(tries):
        early = [_gaps(rng, frames * s.beats) for s in params.inputs]
        opens = [_gaps(rng, frames * s.beats) for s in params.outputs]
        late, later = ([times + np.cumsum(rng.poisson(0.3, len(times)) * (rng.random() < 0.8))
                        for times in side] for side in (early, opens))
        limit = 100 * params.cycles * frames + int(max(t.max() for t in (*late, *later)))
        fast, _ = block.measure(early, limit=limit, opens=opens)
        slow, _ = block.measure(late, limit=limit, opens=later)
        for a, b in zip((*fast.consumed, *fast.produced), (*slow.consumed, *slow.produced),
                        strict=True):
            count = min(len(a), len(b))  # the last beats of a frame need not be taken
            np.testing.assert_array_less(a[:count], b[:count] + 1,
                                         err_msg=f"try {number} of seed {seed}: {params}")
