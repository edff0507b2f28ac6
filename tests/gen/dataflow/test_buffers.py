"""Buffers on paths that join again: large enough, and not by luck."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.dataflow.fold import INPUT
from quantloom.gen.dataflow.graph import Dataflow
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.emit import to_verilog
from quantloom.gen.network import Add, Conv2d, MaxPool, Network, Pad, Tensor
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim.simulate import simulate


@pytest.fixture
def skip_connection():
    """A 5x5 convolution with a skip around it: the skip must hold two rows and more."""
    rng = np.random.default_rng(0)
    network = Network("residual", Tensor.full((12, 40, 1), IntType(3)), [
        Pad(name="pad", inputs=("input",), pads=(2, 2, 2, 2)),
        Conv2d(name="conv", inputs=("pad",), weight_type=BIPOLAR,
               weights=BIPOLAR.decode(rng.integers(0, 2, (5, 5, 1, 1)))),
        Add(name="sum", inputs=("conv", "input"), multipliers=(1, 1)),
    ])
    return lower(network, {INPUT: {"lanes": 1},
                           "conv": {"pe": 1, "simd": 25, "positions": 1}, "sum": {"lanes": 1}})


def run(dataflow, path, **options):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    path.write_text(to_verilog(dataflow))
    return simulate(dataflow, path, random_frames(dataflow.network, 4), engine="icarus", **options)


def test_sized(skip_connection, tmp_path):
    fifo = skip_connection.blocks["sum_fifo_1"].params
    assert 80 <= fifo.depth <= 200
    flat = run(skip_connection, tmp_path / "a.v")
    assert flat.ok and flat.interval_cycles == pytest.approx(skip_connection.interval, rel=0.02)
    assert flat.fifo_high_water["sum_fifo_1"][0] > 70
    assert run(skip_connection, tmp_path / "a.v", stress=True, seed=1).ok


def test_cut(skip_connection, tmp_path):
    """With a FIFO of two beats the fork and the sum wait for each other, and that is said."""
    blocks = dict(skip_connection.blocks)
    fifo = blocks["sum_fifo_1"]
    blocks[fifo.name] = replace(fifo, params=FifoParams(fifo.params.stream, 2))
    cut = Dataflow("residual", skip_connection.network, blocks, skip_connection.streams)
    report = run(cut, tmp_path / "a.v")
    assert not report.ok and report.frames == 0 and report.mismatches == 0
    for name in ("input_fork", "sum_fifo_1", "sum", "wait in a circle"):
        assert name in report.deadlock


def test_bursts_wait_before_a_fork():
    """Pooled rows come in bursts: they are kept once, not once for each convolution."""
    rng = np.random.default_rng(0)

    def conv(name, source, inputs):
        return Conv2d(name=name, inputs=(source,), weight_type=BIPOLAR,
                      weights=BIPOLAR.decode(rng.integers(0, 2, (1, 1, inputs, 4))))

    network = Network("forked", Tensor.full((16, 16, 4), IntType(3)), [
        MaxPool(name="pool", inputs=("input",), kernel=(2, 2), stride=(2, 2)),
        conv("left", "pool", 4), conv("right", "pool", 4),
        Add(name="sum", inputs=("left", "right"), multipliers=(1, 1)),
    ])
    dataflow = lower(network, {INPUT: {"lanes": 4}, "pool": {"lanes": 4}, "sum": {"lanes": 1},
                               **{name: {"pe": 1, "simd": 4, "positions": 1}
                                  for name in ("left", "right")}})
    assert max(dataflow.blocks["pool_fork"].params.depths) <= 2
    source = dataflow.blocks[dataflow.streams[dataflow.blocks["pool_fork"].inputs[0]].producer]
    assert source.params.depth >= 4
