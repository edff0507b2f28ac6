"""Designs are stored and loaded to the byte."""

from __future__ import annotations

import json

import numpy as np
import pytest

import quantloom
from quantloom import Design, QuantloomError
from quantloom.gen.dataflow.plan import INPUT
from quantloom.gen.design import design_file
from quantloom.sim import golden

from ..e2e.random_networks import REARRANGING, STEPS, random_folding, random_network
from ..networks import tiny_network


@pytest.mark.parametrize("seed", range(200, 230))
def test_round_trip(tmp_path, seed):
    network = random_network(seed, STEPS if seed < 220 else REARRANGING)
    design = Design(network, random_folding(network, seed), {"file": "a.onnx", "sha256": "0"})
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    design.save(first)
    loaded = Design.load(first)
    loaded.save(second)
    for name in ("design.json", "weights.npz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert loaded.foldings == design.foldings and loaded.source == design.source
    x = network.input
    frames = x.type.decode(np.random.default_rng(seed).integers(0, 1 << x.type.bits,
                                                                (2, *x.shape)))
    want = golden.run(network, frames, keep=True)
    got = golden.run(loaded.network, frames, keep=True)
    assert want.keys() == got.keys()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])
        assert loaded.network.tensors[name] == network.tensors[name]


def test_content(tmp_path):
    network = tiny_network()
    design = Design(network, quantloom.fold(network, 200))
    design.save(tmp_path)
    value = json.loads((tmp_path / "design.json").read_text())
    assert value["format"] == 1 and value["quantloom"]
    assert value["interval_cycles"] == design.dataflow.interval <= 200
    assert value["bottleneck"] == design.dataflow.bottleneck.name
    assert value["output"]["scale"] == 1.0 and value["output"]["zero_point"] == 0
    conv = value["layers"][0]
    assert conv["name"] == "conv1"
    assert set(conv["folding"]) == {"pe", "simd", "positions", "memory", "multiplier", "dsp_rows"}
    assert conv["weights"] == {"array": "conv1.weights"}  # the weights stand beside it
    assert {block["name"] for block in value["blocks"]} >= {"conv1_window", "conv1_neuron"}


def test_design_file(tmp_path):
    assert design_file(tmp_path) is None
    (tmp_path / "design.json").write_text("{}")
    assert design_file(tmp_path) == design_file(tmp_path / "design.json") \
        == tmp_path / "design.json"
    assert design_file(tmp_path / "none.json") is None


def test_folding_must_fit():
    network = tiny_network()
    foldings = quantloom.fold(network, 200)
    for change, message in (
        ({"nobody": {"pe": 1}}, "nobody: no such layer to fold"),
        ({INPUT: {"lanes": 4}}, "input: lanes must be one of 3, 6, 9, 18, not 4"),
        ({INPUT: {"lanes": 0}}, "input: lanes must be one of 3, 6, 9, 18, not 0"),
        ({"pool": {}}, r"pool: the folding must have the keys lanes, not \(none\)"),
        ({"act1": {"pe": 1}}, "act1: the folding must have the keys"),
    ):
        with pytest.raises(QuantloomError, match=message):
            _ = Design(network, {**foldings, **change}).dataflow
