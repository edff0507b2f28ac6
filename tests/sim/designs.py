"""Small designs to simulate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from quantloom.gen.dataflow import plan_mac, plan_map  # noqa: F401  registers the plans
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.dataflow.graph import Block, Dataflow, Stream
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.network import (
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Network,
    Pad,
    Tensor,
    Threshold,
)
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

__all__ = ["branches", "chain", "frames_of", "replace"]


def chain() -> Dataflow:
    """Two neurons with a FIFO behind each, joined by hand."""
    rng = np.random.default_rng(0)
    positions, width = 2, 64
    blocks, streams, ops = {}, {}, []
    layers = (("fc1", 32, 4, 16), ("fc2", 12, 6, 4))
    tensor, type_, stream = "input", IntType(4), "fc1_neuron_i"
    for index, (name, outputs, pe, simd) in enumerate(layers):
        weights = BIPOLAR.decode(rng.integers(0, 2, (1, width, outputs)))
        limit = width * max(-type_.lo, type_.hi)
        params = NeuronParams(input_type=type_, weight_type=BIPOLAR, weights=weights,
                              output_type=IntType.for_range(-limit, limit),
                              positions_per_frame=positions, pe=pe, simd=simd)
        if index == 0:
            streams[stream] = Stream(stream, params.inputs[0], None, "fc1_neuron", "input")
        neuron, fifo, shape = f"{name}_neuron", f"{name}_fifo", params.outputs[0]
        after = f"{layers[index + 1][0]}_neuron" if index + 1 < len(layers) else None
        blocks[neuron] = Block(neuron, name, params, (stream,), (f"{neuron}_o",))
        blocks[fifo] = Block(fifo, name, FifoParams(shape, 8), (f"{neuron}_o",), (f"{fifo}_o",))
        streams[f"{neuron}_o"] = Stream(f"{neuron}_o", shape, neuron, fifo, name)
        streams[f"{fifo}_o"] = Stream(f"{fifo}_o", shape, fifo, after, name)
        ops.append(Conv2d(name=name, inputs=(tensor,), weights=weights[None],
                          weight_type=BIPOLAR))
        tensor, type_, stream, width = name, params.output_type, f"{fifo}_o", outputs
    network = Network("chain", Tensor.full((1, positions, 64), IntType(4)), ops)
    return Dataflow("chain", network, blocks, streams)


def branches() -> Dataflow:
    """Convolutions, two branches that join again, pooling, dense."""
    rng = np.random.default_rng(1)

    def conv(name: str, source: str, kernel: int, inputs: int) -> Conv2d:
        weights = BIPOLAR.decode(rng.integers(0, 2, (kernel, kernel, inputs, 4)))
        return Conv2d(name=name, inputs=(source,), weights=weights, weight_type=BIPOLAR)

    def act(name: str, source: str) -> Threshold:
        thresholds = np.sort(rng.integers(-8, 9, (4, 3)), axis=1)
        return Threshold(name=name, inputs=(source,), thresholds=thresholds, type=IntType(2),
                         base=0)

    network = Network("branches", Tensor.full((6, 6, 3), IntType(3)), [
        conv("conv1", "input", 3, 3), act("act1", "conv1"),
        conv("left", "act1", 1, 4), act("left_act", "left"),
        Pad(name="pad", inputs=("act1",), pads=(1, 1, 1, 1)),
        conv("right", "pad", 3, 4), act("right_act", "right"),
        Concat(name="cat", inputs=("left_act", "right_act")),
        MaxPool(name="pool", inputs=("cat",), kernel=(2, 2), stride=(2, 2)),
        Dense(name="fc", inputs=("pool",), weights=rng.integers(-3, 4, (32, 5)),
              weight_type=IntType(3, True)),
    ])  # fmt: skip
    return lower(network, fold(network, 200))


def frames_of(dataflow: Dataflow, count: int, seed: int = 0) -> np.ndarray:
    """Random input frames."""
    tensor = dataflow.network.input
    rng = np.random.default_rng(seed)
    return rng.integers(tensor.lo, tensor.hi + 1, (count, *tensor.shape))


def replace(path: Path, old: str, new: str, target: Path) -> Path:
    """A copy of a Verilog file with one place changed."""
    text = path.read_text()
    assert text.count(old) == 1, f"{text.count(old)} places have {old!r}"
    target.write_text(text.replace(old, new))
    return target
