"""Buffer sizes by token timing.

Every block reads and writes its streams in a fixed order, so a network of them is a Kahn process
network: if one schedule of all reads and writes fits the buffers, none can dead-lock, whatever
the gaps and the back-pressure, and running each block as early as possible is never slower than
that schedule. This module computes such a schedule at the frame interval of the slowest block,
with the source evenly spread, and gives each stream the FIFO that the schedule fills, and each
sliding window the spare rows with which it keeps the interval.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...rtl_templates.block import BlockParams, Timing
from ...rtl_templates.queue import FifoParams
from .graph import Block, Dataflow, Stream

__all__ = ["size_buffers"]

FRAMES = 4
"""Frames of the schedule; the last ones are in the steady state."""

FREE_DEPTH = 2
"""Beats that the queue at a block's output holds beside those in its pipeline."""


def size_buffers(dataflow: Dataflow) -> Dataflow:
    """The dataflow with FIFOs where the schedule needs them and windows with enough rows."""
    interval = dataflow.interval
    source = dataflow.streams[dataflow.input].shape.beats
    times = {dataflow.input: np.arange(FRAMES * source, dtype=np.int64) * interval // source}
    depths: dict[str, int] = {}
    params: dict[str, BlockParams] = {}
    for block in dataflow.blocks.values():
        arrivals = [times[name] for name in block.inputs]
        params[block.name], timing = _best_variant(block.params, arrivals, interval)
        for name, arrival, consumed in zip(block.inputs, arrivals, timing.consumed, strict=True):
            depths[name] = _occupancy(arrival, consumed)
        times.update(zip(block.outputs, timing.produced, strict=True))
    return _with_fifos(dataflow, params, depths)


def _occupancy(arrival: np.ndarray, consumed: np.ndarray) -> int:
    """Most beats that have arrived and are not yet consumed, at any time."""
    taken = np.searchsorted(consumed, arrival, side="left")
    return int((np.arange(1, len(arrival) + 1) - taken).max())


def _best_variant(
    params: BlockParams, arrivals: list[np.ndarray], interval: int
) -> tuple[BlockParams, Timing]:
    """The variant that keeps the interval with the fewest buffer bits, and its timing."""
    best = None
    for variant in params.variants():
        timing = variant.paced_schedule(interval, FRAMES, *arrivals)
        lag = max(_lag(produced, interval) for produced in timing.produced)
        bits = variant.buffer_bits + sum(
            _occupancy(a, c) * s.width
            for a, c, s in zip(arrivals, timing.consumed, variant.inputs, strict=True))
        # A few cycles of lag are not worth a larger buffer, unless the interval is short.
        rank = (max(0, lag - min(2 * FRAMES, (FRAMES - 2) * interval // 100)), bits)
        if best is None or rank < best[0]:
            best = (rank, variant, timing)
    assert best is not None
    return best[1], best[2]


def _lag(produced: np.ndarray, interval: int) -> int:
    """Cycles by which the last frame is later than the second one's pace would have it."""
    ends = produced.reshape(FRAMES, -1)[:, -1]
    return int(ends[-1] - ends[1] - (FRAMES - 2) * interval)


def _with_fifos(dataflow: Dataflow, params: dict[str, BlockParams],
                depths: dict[str, int]) -> Dataflow:
    blocks: dict[str, Block] = {}
    streams = dict(dataflow.streams)
    for block in dataflow.blocks.values():
        inputs = []
        for k, name in enumerate(block.inputs):
            stream = streams[name]
            if depths[name] > FREE_DEPTH and stream.producer is not None:
                fifo = f"{block.name}_fifo" + (f"_{k}" if k else "")
                behind = Stream(f"{fifo}_o", stream.shape, fifo, block.name, stream.tensor)
                streams[behind.name] = behind
                streams[name] = replace(stream, consumer=fifo)
                blocks[fifo] = Block(fifo, block.layer, FifoParams(stream.shape, depths[name]),
                                     (name,), (behind.name,))
                name = behind.name
            inputs.append(name)
        blocks[block.name] = replace(block, params=params[block.name], inputs=tuple(inputs))
    return Dataflow(dataflow.name, dataflow.network, blocks, streams)
