"""What every stream of a dataflow must carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..gen.errors import QuantloomError

__all__ = ["expected_beats", "expected_frames"]

Array = np.ndarray[Any, Any]


def expected_beats(dataflow: Dataflow, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Values on every stream for one frame.

    A stream that carries a tensor takes the golden model's values, whatever the block's own
    reference says, so that the hardware is held against the golden model. The other streams
    follow from those by the blocks' references.

    Parameters
    ----------
    dataflow : Dataflow
    tensors : mapping of str to array of int
        Golden tensors of one frame by name, the input included.

    Returns
    -------
    dict of str to array of int, (beats, lanes)
        By stream name, in topological order.

    Raises
    ------
    QuantloomError
        If a value does not fit its stream, or a stream and its tensor differ in size.
    """
    beats: dict[str, Array] = {}
    _place(dataflow, beats, dataflow.input, tensors, None)
    for block in dataflow.blocks.values():
        # References are skipped where the golden model says all there is to say.
        results: tuple[Array | None, ...] = (None,) * len(block.outputs)
        if any(dataflow.streams[name].tensor is None for name in block.outputs):
            results = block.params.reference(*(beats[name] for name in block.inputs))
        for name in block.inner:  # they carry tensors
            _place(dataflow, beats, name, tensors, None)
        for name, result in zip(block.outputs, results, strict=True):
            _place(dataflow, beats, name, tensors, result)
    return beats


def _place(dataflow: Dataflow, beats: dict[str, Array], name: str,
           tensors: Mapping[str, Array], result: Array | None) -> None:
    stream = dataflow.streams[name]
    shape = stream.shape
    if stream.tensor is not None:
        result = np.asarray(tensors[stream.tensor])
        if result.size != shape.elements:
            raise QuantloomError(f"stream {name} carries {shape.elements} elements a frame, but "
                                 f"tensor {stream.tensor} has {result.size}")
        result = result.reshape(shape.beats, shape.lanes)
    assert result is not None
    # Encoding would wrap such a value, and hardware that wraps as well would pass.
    if not shape.type.contains(result):
        raise QuantloomError(f"stream {name} is {shape.type}, but carries "
                             f"{result.min()} to {result.max()}")
    beats[name] = result


def expected_frames(dataflow: Dataflow, tensors: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """:func:`expected_beats` of each frame of golden tensors (frames, height, width, channels)."""
    for frame in range(len(tensors["input"])):
        yield expected_beats(dataflow, {name: value[frame] for name, value in tensors.items()})
