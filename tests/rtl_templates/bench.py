"""Drives one block in Amaranth's simulator with random gaps and back-pressure."""

from __future__ import annotations

import numpy as np

from quantloom.rtl_templates.block import BlockParams
from quantloom.rtl_templates.types import IntType

from .simulation import PERIOD, Simulation

__all__ = ["BlockBench", "check_block", "random_values"]

CYCLES_PER_BEAT_LIMIT = 64
"""A run that takes longer than this per beat, plus a margin, counts as stuck."""


def random_values(rng: np.random.Generator, type_: IntType, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform values of a type."""
    return type_.decode(rng.integers(0, 1 << type_.bits, shape))


def _port(dut, letter: str, index: int):
    return getattr(dut, letter if index == 0 else f"{letter}_{index}")


class BlockBench:
    """A block with a producer at each input and a consumer at each output."""

    def __init__(self, params: BlockParams) -> None:
        self.params = params
        self._dut = params.create()
        self._simulation = Simulation(self._dut, testbenches=len(params.outputs),
                                      background=len(params.inputs) + 1)

    def run(self, inputs: list[np.ndarray], *, seed: int, gaps: float,
            stalls: float) -> tuple[list[np.ndarray], int]:
        """Feed whole frames through the block, from reset.

        Parameters
        ----------
        inputs : list of array of int, (frames * beats, lanes)
            Values per input port.
        seed : int
        gaps, stalls : float
            Probability that a producer idles, that a consumer is not ready, in a cycle.

        Returns
        -------
        outputs : list of array of int64, (frames * beats, lanes)
        cycles : int
            Cycles until the last output beat.
        """
        params, dut = self.params, self._dut
        frames = len(inputs[0]) // params.inputs[0].beats
        outputs: list[list[list[int]]] = [[] for _ in params.outputs]
        cycles = [0]

        def producer(index: int):
            shape, port = params.inputs[index], _port(dut, "i", index)
            rng = np.random.default_rng([seed, 0, index])
            values = np.asarray(inputs[index])
            rows = (shape.type.encode(values) if shape.type.bipolar else values).tolist()

            async def bench(ctx):
                for row in rows:
                    while rng.random() < gaps:
                        await ctx.tick()
                    ctx.set(port.payload, row)
                    ctx.set(port.valid, 1)
                    taken = False
                    while not taken:
                        *_, taken = await ctx.tick().sample(port.ready)
                    ctx.set(port.valid, 0)

            return bench

        def consumer(index: int):
            shape, port = params.outputs[index], _port(dut, "o", index)
            rng = np.random.default_rng([seed, 1, index])

            async def bench(ctx):
                held = None
                ctx.set(port.ready, int(rng.random() >= stalls))
                async for *_, valid, ready, payload in ctx.tick().sample(
                    port.valid, port.ready, port.payload
                ):
                    if index == 0:
                        cycles[0] += 1
                    row = [int(payload[k]) for k in range(shape.lanes)] if valid else None
                    if held is not None:
                        assert row == held, "payload changed or valid fell before it was taken"
                    held = row if valid and not ready else None
                    if valid and ready:
                        outputs[index].append(row)
                    if len(outputs[index]) == frames * shape.beats:
                        ctx.set(port.ready, 0)
                        return
                    ctx.set(port.ready, int(rng.random() >= stalls))

            return bench

        beats = sum(s.beats for s in (*params.inputs, *params.outputs)) * frames
        bound = 2000 + CYCLES_PER_BEAT_LIMIT * max(beats, params.cycles * frames)

        async def guard(ctx):
            await ctx.delay(bound * PERIOD)
            raise TimeoutError(f"stuck: {[len(o) for o in outputs]} output beats in {bound} cycles")

        self._simulation.run(*map(consumer, range(len(params.outputs))),
                             *map(producer, range(len(params.inputs))), guard)
        decoded = []
        for shape, rows in zip(params.outputs, outputs, strict=True):
            array = np.array(rows, dtype=np.int64)
            decoded.append(shape.type.decode(array) if shape.type.bipolar else array)
        return decoded, cycles[0]


def check_block(params: BlockParams, *, seed: int, frames: int = 2, full_rate: bool = True) -> None:
    """Random frames: equal to the reference flat out and under gaps and stalls, at full rate.

    Full rate: the frames beyond the first take no longer than ``params.cycles`` each, plus 2 %.
    """
    rng = np.random.default_rng(seed)
    print(f"seed {seed}: {params}")
    inputs = [[random_values(rng, s.type, (s.beats, s.lanes)) for _ in range(frames)]
              for s in params.inputs]
    expected = [np.concatenate(port) for port in zip(
        *(params.reference(*frame) for frame in zip(*inputs, strict=True)), strict=True)]
    whole = [np.concatenate(port) for port in inputs]
    bench = BlockBench(params)
    for gaps, stalls in ((0.0, 0.0), (0.4, 0.0), (0.0, 0.5), (0.3, 0.3)):
        got, cycles = bench.run(whole, seed=seed, gaps=gaps, stalls=stalls)
        for want, have in zip(expected, got, strict=True):
            np.testing.assert_array_equal(have, want)
        if full_rate and gaps == stalls == 0:
            first = bench.run([w[: len(w) // frames] for w in whole], seed=seed,
                              gaps=0.0, stalls=0.0)[1]
            assert cycles - first <= (frames - 1) * params.cycles * 1.02 + 1
