"""Memory and movement, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.dataflow.lower import lower
from quantloom.gen.estimate.traffic import table_bits, traffic
from quantloom.gen.network import Conv2d, Dense, Network, Tensor, Threshold
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.types import BIPOLAR, IntType


def network() -> Network:
    rng = np.random.default_rng(0)
    weights = BIPOLAR.decode(rng.integers(0, 2, (3, 3, 2, 4)))
    return Network("hand", Tensor.full((5, 5, 2), IntType(3)), [
        Conv2d(name="conv", inputs=("input",), weights=weights, weight_type=BIPOLAR),
        # -5 to 6 in 4 bits, 4 rows of 3.
        Threshold(name="act", inputs=("conv",), type=IntType(2), base=0,
                  thresholds=np.array([[-5, 0, 1], [-2, 1, 6], [0, 0, 3], [-1, 2, 5]])),
        Dense(name="fc", inputs=("act",), weights=rng.integers(-3, 4, (36, 5)),
              weight_type=IntType(3, True)),
    ])  # fmt: skip


def test_by_hand():
    net = network()
    flow = lower(net, {
        "input": {"lanes": 2}, "conv": {"pe": 2, "simd": 18, "positions": 1},
        "act": {"form": "search"}, "fc": {"pe": 1, "simd": 4, "positions": 1}})
    moved = traffic(flow)
    assert moved.macs == 9 * 72 + 180
    assert moved.memory.weights == 72 * 1 + 180 * 3
    # Two lanes of three bits take one byte of the port; 5 sums two bytes each.
    assert moved.bytes_in == 25
    out = flow.streams[flow.output].shape
    assert moved.bytes_out == 5 * -(-out.type.bits // 8)
    # Each conv position uses every weight once; so does the dense layer.
    assert moved.weight_bits == 9 * 72 * 1 + 180 * 3
    assert moved.intensity == moved.macs / (moved.bytes_in + moved.bytes_out)
    between = sum(shape.width * shape.beats for block in flow.blocks.values()
                  for name, shape in zip(block.inputs, block.params.inputs, strict=True)
                  if name != flow.input)
    assert moved.between_bits == between > 9 * 18 * 3  # the windows alone
    value = moved.to_json(1000.0)
    assert value["bytes_per_second"] == {"in": 25_000.0, "out": moved.bytes_out * 1000.0}
    assert value["bits_moved_per_mac"]["weights"] == moved.weight_bits / moved.macs
    assert value["memory_bits"]["total"] == moved.memory.total


def test_positions_share_weights():
    weights = np.random.default_rng(1).integers(-3, 4, (1, 4, 2))
    one, three = (NeuronParams(input_type=IntType(2), weight_type=IntType(3, True),
                               output_type=IntType(7, True), weights=weights,
                               positions_per_frame=6, pe=2, simd=4, positions=positions)
                  for positions in (1, 3))
    assert one.weight_bits_read == 3 * three.weight_bits_read == 6 * 8 * 3


def test_line_buffer_and_queues():
    flow = lower(network(), {
        "input": {"lanes": 2}, "conv": {"pe": 1, "simd": 18, "positions": 1},
        "act": {"form": "search"}, "fc": {"pe": 1, "simd": 4, "positions": 1}})
    memory = traffic(flow).memory
    window = flow.blocks["conv_window"].params
    # Two rows above the newest, and the columns that wait.
    assert memory.rows == window.buffer_bits >= 2 * 5 * 2 * 3
    assert memory.queues == sum(b.params.queue_bits for b in flow.blocks.values()) > 0


def test_tables():
    act = network().ops[1]
    assert table_bits(act) == 12 * 4
    assert table_bits(network().ops[2]) == 0


@pytest.mark.parametrize(("depths", "places"), [((1, 1), 1), ((2, 1), 3), ((4, 3), 7)])
def test_fork_shares_a_register(depths, places):
    fork = ForkParams(stream=StreamShape(IntType(4), 2, 10), copies=2, depths=depths)
    assert fork.queue_bits == 8 * places
