"""Lowering: blocks, streams, names."""

from __future__ import annotations

import numpy as np
import pytest

import quantloom
from quantloom import QuantloomError
from quantloom.gen.dataflow.builder import beats_of, lanes_fit
from quantloom.gen.dataflow.graph import Block, Dataflow
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.dataflow.plan import input_options, plan
from quantloom.gen.network import Dense, Network, Reshape, Tensor
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.types import IntType

from ...e2e.random_networks import REARRANGING, STEPS, random_folding, random_network
from ...networks import tiny_network


@pytest.mark.parametrize("seed", range(300, 360))
def test_random_graphs_are_whole(seed):
    """Every stream has its ends, every operation its tensor's stream, every name its meaning."""
    network = random_network(seed, STEPS if seed < 340 else REARRANGING)
    dataflow = lower(network, random_folding(network, seed))
    seen = {dataflow.input}
    for name, block in dataflow.blocks.items():
        assert name == block.name and seen.issuperset(block.inputs)  # topological order
        seen.update(block.outputs + block.inner)
        assert all(dataflow.streams[s].producer == name for s in block.outputs)
        assert block.layer in network.tensors and name.startswith(block.layer)
    assert seen == set(dataflow.streams)
    out = dataflow.streams[dataflow.output]
    assert out.shape.elements == network.tensors[network.output].size
    # A beat never carries more than the folding of its producer can make or its consumer take.
    for stream in dataflow.streams.values():
        if stream.tensor is not None:
            assert stream.shape.elements == network.tensors[stream.tensor].size
    assert dataflow.interval >= dataflow.bottleneck.params.cycles


def test_fork_and_adapter():
    network = tiny_network()
    dataflow = lower(network, quantloom.fold(network, 200))
    forks = [b for b in dataflow.blocks.values() if isinstance(b.params, ForkParams)]
    assert [f.name for f in forks] == ["act1_fork"] and len(forks[0].outputs) == 2
    for block in dataflow.blocks.values():
        if isinstance(block.params, AdapterParams):
            assert block.params.inputs[0].lanes != block.params.outputs[0].lanes


def test_reshape_is_the_same_stream():
    network = Network("flat", Tensor.full((2, 2, 2), IntType(2)), [
        Reshape(name="vector", inputs=("input",), shape=(1, 1, 8)),
        Dense(name="fc", inputs=("vector",), weights=np.ones((8, 2), int),
              weight_type=IntType(2, True)),
    ])
    dataflow = lower(network, quantloom.fold(network, 100))
    assert not any(block.layer == "vector" for block in dataflow.blocks.values())


def test_loose_ends_are_refused():
    network = tiny_network()
    dataflow = lower(network, quantloom.fold(network, 200))
    blocks = dict(dataflow.blocks)
    fc = blocks["fc_neuron"]
    blocks["fc_neuron"] = Block(fc.name, fc.layer, blocks["skip"].params, fc.inputs, fc.outputs)
    with pytest.raises(ValueError):
        Dataflow("broken", network, blocks, dataflow.streams)


def test_nothing_to_compute_is_refused():
    network = Network("flat", Tensor.full((2, 3, 4), IntType(4)), [
        Reshape(name="vector", inputs=("input",), shape=(1, 1, 24))])
    with pytest.raises(QuantloomError, match="flat: nothing is computed between input and output"):
        lower(network, {})


def test_lanes():
    tensor = Tensor.full((4, 6, 4), IntType(3))
    assert [n for n in range(1, 33) if lanes_fit(tensor, n)] == [1, 2, 4, 8, 12, 16, 24, 32]
    assert beats_of(tensor, 8).beats == 12
    network = tiny_network()
    assert input_options(network) == [3, 6, 9, 18]


def test_messages_list_the_legal_values():
    conv = plan(tiny_network().ops[0], tiny_network())
    for folding, text in (
        ({"pe": 3, "simd": 1, "positions": 1}, "conv1: pe must be one of 1, 2, 4, not 3"),
        ({"pe": 2, "simd": 5, "positions": 1},
         "conv1: simd must be one of 1, 3, 9, 27 with pe = 2, not 5"),
        ({"pe": 4, "simd": 27, "positions": 4},
         "conv1: positions must be one of 1, 2 with pe = 4 and simd = 27, not 4"),
        ({"pe": 1}, "conv1: the folding must have the keys pe, simd, positions, memory, "
         "multiplier, dsp_rows, not pe"),
    ):
        with pytest.raises(QuantloomError) as raised:
            conv.check(folding)
        assert str(raised.value) == text
