import dataclasses

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.sim import golden
from quantloom.sim.expected import expected_beats, expected_frames

from .designs import frames_of


def tensors_of(dataflow, frame=0):
    tensors = golden.run(dataflow.network, frames_of(dataflow, frame + 1), keep=True)
    return {name: value[frame] for name, value in tensors.items()}


@pytest.mark.parametrize("name", ["chain", "branches"])
def test_every_block_agrees_with_the_golden_model(emitted, name):
    dataflow, _ = emitted(name)
    beats = expected_beats(dataflow, tensors_of(dataflow))
    assert set(beats) == set(dataflow.streams)
    for block in dataflow.blocks.values():
        results = block.params.reference(*(beats[stream] for stream in block.inputs))
        for stream, result in zip(block.outputs, results, strict=True):
            np.testing.assert_array_equal(beats[stream], result)


def test_golden_stands_above_the_reference(emitted):
    dataflow, _ = emitted("chain")
    tensors = tensors_of(dataflow)
    tensors["fc1"] = tensors["fc1"] + 1
    beats = expected_beats(dataflow, tensors)
    np.testing.assert_array_equal(beats["fc1_neuron_o"].ravel(), tensors["fc1"].ravel())


def test_frames_in_turn(emitted):
    dataflow, _ = emitted("chain")
    tensors = golden.run(dataflow.network, frames_of(dataflow, 3), keep=True)
    frames = list(expected_frames(dataflow, tensors))
    assert len(frames) == 3
    np.testing.assert_array_equal(frames[2]["fc2_fifo_o"].ravel(), tensors["fc2"][2].ravel())


def test_value_beyond_the_stream_is_refused(emitted):
    dataflow, _ = emitted("chain")
    tensors = tensors_of(dataflow)
    tensors["fc1"] = tensors["fc1"] + 5000
    with pytest.raises(QuantloomError, match="stream fc1_neuron_o is int11, but carries"):
        expected_beats(dataflow, tensors)


def test_size_must_agree(emitted):
    dataflow, _ = emitted("chain")
    tensors = tensors_of(dataflow)
    stream = dataclasses.replace(dataflow.streams["fc2_fifo_o"], tensor="fc1")
    changed = dataclasses.replace(dataflow, streams={**dataflow.streams, "fc2_fifo_o": stream})
    with pytest.raises(QuantloomError, match=r"fc2_fifo_o carries 24 elements a frame, but "
                                             r"tensor fc1 has 64"):
        expected_beats(changed, tensors)
