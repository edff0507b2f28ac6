"""Pixels to blocks of pixels and back: every folding through the emitted Verilog, its pace."""

import numpy as np
import pytest

import quantloom
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.dataflow.plan import plan
from quantloom.gen.emit import to_verilog
from quantloom.gen.network import Crop, DepthToSpace, Network, SpaceToDepth, Tensor
from quantloom.rtl_templates.deal import DealParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.types import IntType
from quantloom.sim.simulate import simulate

BIG, SMALL = (3, 4, 12), (6, 8, 3)


def network(kind, channel_major, shape, block=(2, 2)):
    return Network("blocks", Tensor.full(shape, IntType(4)), [
        kind(name="blocks", inputs=("input",), block=block, channel_major=channel_major)])


def foldings(layers):
    return [f.get("lanes") for f in plan(layers.ops[0], layers).foldings()]


def test_lanes():
    for channel_major in (False, True):
        assert foldings(network(DepthToSpace, channel_major, BIG)) == [1, 3, 6, 12, 24]
        assert foldings(network(SpaceToDepth, channel_major, SMALL)) == [1, 3, 6]
    assert foldings(network(DepthToSpace, True, BIG, (1, 4))) == [1, 3, 6, 12, 24, 48]
    # These two change nothing but the shape.
    for kind, shape in ((DepthToSpace, BIG), (SpaceToDepth, SMALL)):
        layers = network(kind, False, shape, (1, 4))
        assert foldings(layers) == [None]
        assert not plan(layers.ops[0], layers).trial({}).own


@pytest.mark.parametrize("channel_major", [False, True])
@pytest.mark.parametrize("kind, shape, lanes", [
    *((DepthToSpace, BIG, n) for n in (1, 3, 6, 12, 24)),
    *((SpaceToDepth, SMALL, n) for n in (1, 3, 6)),
], ids=lambda x: getattr(x, "__name__", str(x)))  # fmt: skip
def test_verilog_equals_the_model(kind, shape, lanes, channel_major, tmp_path):
    layers = network(kind, channel_major, shape)
    into = lanes
    if kind is DepthToSpace and (channel_major or lanes > 6):
        into = 12 * max(1, lanes // 6)
    dataflow = lower(layers, {"input": {"lanes": into}, "blocks": {"lanes": lanes}})
    path = tmp_path / "blocks.v"
    path.write_text(to_verilog(dataflow))
    assert dataflow.interval == 144 // lanes
    for stress in (False, True):
        report = simulate(dataflow, path, random_frames(layers, 6, 1), engine="icarus",
                          stress=stress, seed=2)
        assert report.ok and report.frames == 6, (report.first_mismatch, report.deadlock)
        if not stress:
            assert report.interval_cycles == dataflow.interval


def test_queues_hold_no_more_than_waits():
    """Of blocks of two rows, half a row of pixels' upper halves and a row of their lower halves."""
    layers = network(DepthToSpace, False, (16, 32, 16))
    dataflow = lower(layers, {"input": {"lanes": 4}, "blocks": {"lanes": 4}})
    row = 32 * 16 // 4
    (deal,) = (b.params for b in dataflow.blocks.values() if isinstance(b.params, DealParams))
    fifos = [b.params.depth for b in dataflow.blocks.values() if isinstance(b.params, FifoParams)]
    assert 0.75 * row <= sum(deal.depths) + sum(fifos) < 0.75 * row + 12


def test_a_crop_takes_a_beat_a_cycle(tmp_path):
    layers = Network("crop", Tensor.full((6, 8, 4), IntType(4)), [
        Crop(name="crop", inputs=("input",), start=(1, 2, 0), size=(4, 4, 4))])
    assert foldings(layers) == [1, 2, 4, 8]
    dataflow = lower(layers, {"input": {"lanes": 8}, "crop": {"lanes": 8}})
    path = tmp_path / "crop.v"
    path.write_text(to_verilog(dataflow))
    report = simulate(dataflow, path, random_frames(layers, 6, 1), engine="icarus")
    assert report.ok and report.interval_cycles == dataflow.interval == 24


def test_folding_counts_them():
    layers = Network("both", Tensor.full((4, 4, 16), IntType(4)), [
        DepthToSpace(name="up", inputs=("input",), block=(2, 2)),
        Crop(name="crop", inputs=("up",), start=(1, 1, 0), size=(6, 6, 4)),
        SpaceToDepth(name="down", inputs=("crop",), block=(2, 2), channel_major=True),
    ])
    for target in (256, 128, 64):
        folded = quantloom.fold(layers, target)
        assert lower(layers, folded).interval <= target
        assert np.all([folded[name]["lanes"] * target >= 256 for name in ("up", "crop")])
