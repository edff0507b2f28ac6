"""Latency of a frame by token timing."""

from __future__ import annotations

import numpy as np

from ..dataflow.graph import Dataflow

__all__ = ["first_latency"]


def first_latency(dataflow: Dataflow) -> int:
    """Cycles from the first input beat of a first frame to its last output beat, both included.

    The source offers a beat in every cycle, and every block runs as early as the beats before it
    allow, with the pace at which sliding windows give theirs (``BlockParams.paced_schedule``).
    What a full queue holds up is not followed from block to block.
    """
    source = dataflow.streams[dataflow.input].shape.beats
    arrivals = {dataflow.input: np.arange(source, dtype=np.int64)}
    first = 0
    for block in dataflow.blocks.values():
        timing = block.params.paced_schedule(
            dataflow.interval, 1, *(arrivals.pop(name) for name in block.inputs))
        if dataflow.input in block.inputs:
            first = int(timing.consumed[block.inputs.index(dataflow.input)][0])
        arrivals.update(zip(block.outputs, timing.produced, strict=True))
    return int(arrivals[dataflow.output][-1]) - first + 1
