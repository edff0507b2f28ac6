"""Buffer sizes by token timing.

Every block reads and writes its streams in a fixed order, so a network of them is a Kahn process
network: if one schedule of all reads and writes fits the buffers, none can dead-lock, whatever
the gaps and the back-pressure, and running each block as early as possible is never slower than
that schedule. This module computes such a schedule at the frame interval of the slowest block,
with the source evenly spread, and what is forked as well. It gives each block's output queue just
the places that the schedule takes, a FIFO of its own to what is too deep for that, and each sliding
window the spare rows with which it keeps the interval.

A place is taken when a beat is begun, which is some cycles before it enters the queue, and is
free again in the cycle after the beat was consumed. A block that keeps beats in registers of its
own says itself how many more it needs, and by how much a queue of that depth makes them later.

The proof takes three things of every block, which the tests of the blocks hold it to: its
schedule is what it does when no output is held back; with the places that it asks for, it is
never later than its paced schedule, whatever the consumer, each beat being there when the consumer
begins with it; and beats that come, or are taken, earlier make none later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...rtl_templates.block import BlockParams, Timing, fewest_places, serve
from ...rtl_templates.queue import FifoParams, queue_resources
from .graph import Block, Dataflow, Stream

__all__ = ["size_buffers"]

FRAMES = 4
"""Frames of the schedule at least; the last ones are in the steady state."""

QUEUE_DEPTH = 32
"""Places that a block's own output queue may have: a LUT memory has as many at no further cost."""

FIFO_DEPTH = 64
"""Places that it may have where a FIFO behind it would cost as much."""


def size_buffers(dataflow: Dataflow) -> Dataflow:
    """The dataflow with queues as deep as the schedule needs them, and windows of enough rows."""
    return _Sizes(dataflow).sized()


class _Sizes:
    def __init__(self, dataflow: Dataflow):
        self.dataflow, self.interval = dataflow, dataflow.interval
        # Frames of a few cycles: as many as all pipelines together may hold, and the usual rest.
        inside = sum(block.params.latency for block in dataflow.blocks.values())
        self.frames = FRAMES - 1 + max(1, -(-inside // self.interval))
        source = dataflow.streams[dataflow.input].shape.beats
        spread = np.arange(self.frames * source, dtype=np.int64) * self.interval // source
        self.arrivals = {dataflow.input: spread}  # by stream
        self.timings: dict[str, Timing] = {}  # by block
        self.params: dict[str, BlockParams] = {}
        self.depths: dict[str, int] = {}  # by stream
        self.fifos: dict[str, FifoParams] = {}  # by stream

    def sized(self) -> Dataflow:
        for block in self.dataflow.blocks.values():
            self._schedule(block)
            while any([self._join(name, timed) for name, timed in
                       zip(block.inputs, self.timings[block.name].consumed, strict=True)]):
                self._schedule(block)  # what comes through a FIFO arrives later than it had it
        last = self.dataflow.output
        self._join(last, self.arrivals[last])
        return self._result()

    def _schedule(self, block: Block) -> None:
        arrivals = [self.arrivals[name] for name in block.inputs]
        if self._spreads(block):
            arrivals = [serve(at, self.interval // (len(at) // self.frames)) for at in arrivals]
        if block.name in self.params:
            params = self.params[block.name]
            timing = params.paced_schedule(self.interval, self.frames, *arrivals)
        else:
            params, timing = _best_variant(block.params, arrivals, self.interval, self.frames)
        self.params[block.name], self.timings[block.name] = params, timing
        self.arrivals.update(zip(block.outputs, timing.produced, strict=True))

    def _spreads(self, block: Block) -> bool:
        """Whether bursts are better kept once before a fork than behind it as often as it forks.

        They are where several consumers cannot take them as they come.
        """
        if len(block.outputs) < 2:
            return False
        consumers = [self.dataflow.streams[name].consumer for name in block.outputs]
        params = [self.dataflow.blocks[name].params for name in consumers if name is not None]
        return sum(_keeps_waiting(p) for p in params) > 1

    def _join(self, name: str, consumed: np.ndarray) -> bool:
        """Size what is between the ends of a stream; whether that makes its beats later."""
        stream = self.dataflow.streams[name]
        if stream.producer is None:
            return False  # what waits there is still outside
        producer = self.dataflow.blocks[stream.producer]
        params, timing = self.params[producer.name], self.timings[producer.name]
        port = producer.outputs.index(name)
        if name not in self.fifos:
            self.depths[name] = depth = params.places(timing, port, consumed)
            if depth <= QUEUE_DEPTH:
                return self._delayed(name, timing.produced[port] + params.queue_delay(depth))
        begun = serve(timing.produced[port])  # into a FIFO
        if name not in self.fifos and depth <= FIFO_DEPTH:
            few, behind = params.places(timing, port, begun), fewest_places(begun, consumed)
            one, *two = (queue_resources(stream.shape.width, n).lut for n in (depth, few, behind))
            if depth <= few or one <= sum(two):
                return self._delayed(name, timing.produced[port] + params.queue_delay(depth))
        fifo, before = FifoParams(stream.shape, fewest_places(begun, consumed)), None
        if name in self.fifos:
            before = self.fifos[name]
            if fifo.latency < before.latency:
                fifo = before  # the schedule has its latency already
        self.fifos[name] = fifo
        self.depths[name] = params.places(timing, port, begun)
        self.arrivals[name] = begun + fifo.latency
        return before is None or fifo.latency != before.latency

    def _delayed(self, name: str, arrival: np.ndarray) -> bool:
        """Let a stream's beats be there at those cycles; whether they are later than before."""
        later = bool((arrival > self.arrivals[name]).any())
        if later:
            self.arrivals[name] = arrival
        return later

    def _result(self) -> Dataflow:
        blocks: dict[str, Block] = {}
        streams = dict(self.dataflow.streams)
        for block in self.dataflow.blocks.values():
            inputs = []
            for k, name in enumerate(block.inputs):
                if name in self.fifos:
                    fifo = f"{block.name}_fifo" + (f"_{k}" if k else "")
                    stream = streams[name]
                    behind = Stream(f"{fifo}_o", stream.shape, fifo, block.name, stream.tensor)
                    streams[behind.name] = behind
                    streams[name] = replace(stream, consumer=fifo)
                    blocks[fifo] = Block(fifo, block.layer, self.fifos[name], (name,),
                                         (behind.name,))
                    name = behind.name
                inputs.append(name)
            params = self.params[block.name].with_depths([self.depths[o] for o in block.outputs])
            blocks[block.name] = replace(block, params=params, inputs=tuple(inputs))
        return Dataflow(self.dataflow.name, self.dataflow.network, blocks, streams)


def _best_variant(
    params: BlockParams, arrivals: list[np.ndarray], interval: int, frames: int
) -> tuple[BlockParams, Timing]:
    """The variant that keeps the interval with the fewest buffer bits, and its timing."""
    best = None
    for variant in params.variants():
        timing = variant.paced_schedule(interval, frames, *arrivals)
        lag = max(_lag(produced, interval, frames) for produced in timing.produced)
        bits = variant.buffer_bits + sum(
            fewest_places(a, c) * s.width
            for a, c, s in zip(arrivals, timing.consumed, variant.inputs, strict=True))
        # A few cycles of lag are not worth a larger buffer, unless the interval is short.
        rank = (max(0, lag - min(2 * FRAMES, (FRAMES - 2) * interval // 100)), bits)
        if best is None or rank < best[0]:
            best = (rank, variant, timing)
    assert best is not None
    return best[1], best[2]


def _keeps_waiting(params: BlockParams) -> bool:
    """Whether a block does not take its input as it comes, or passes it on in fewer beats."""
    beats = params.inputs[0].beats
    return params.cycles > beats or params.outputs[0].beats < beats


def _lag(produced: np.ndarray, interval: int, frames: int) -> int:
    """Cycles by which the last frame is later than the second one's pace would have it."""
    ends = produced.reshape(frames, -1)[:, -1]
    return int(ends[-1] - ends[1] - (frames - 2) * interval)
