"""The wafer network: the published shapes, a file that is the same every time, live layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.wafer import LAYERS, activations, wafer_inputs, wafer_onnx
from quantloom.gen.frontends import load
from quantloom.gen.network import Conv2d, Dense, Network


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load(wafer_onnx(tmp_path_factory.mktemp("wafer") / "wafer.onnx"))


def test_published_sizes(network: Network) -> None:
    weighted = {op.name: op for op in network.ops if isinstance(op, Conv2d | Dense)}
    macs = {name: op.macs(*network.inputs_of(op)) for name, op in weighted.items()}
    assert macs == {layer.name: layer.macs for layer in LAYERS}
    weights = sum(op.weights.size for op in weighted.values())
    assert weights + sum(layer.outputs for layer in LAYERS) == 478_150
    assert {name: op.weight_type.bits for name, op in weighted.items()} == {
        layer.name: layer.bits for layer in LAYERS}
    assert network.input.type.bits == 1
    assert all(network.tensors[f"{layer.name}_act"].type.bits == 4 for layer in LAYERS[:-1])


def test_no_layer_is_dead_or_saturated(network: Network) -> None:
    for name, entry in activations(network, wafer_inputs(4, seed=9)).items():
        if name != "dense":
            assert entry["dead"] == 0 and entry["stuck"] == 0, name
            assert entry["saturated"] < 0.05 and entry["histogram"].min() > 0, name


def test_the_seed_decides(tmp_path: Path) -> None:
    files = [wafer_onnx(tmp_path / f"{k}.onnx", seed=seed).read_bytes()
             for k, seed in enumerate((0, 0, 1))]
    assert files[0] == files[1] != files[2]


def test_inputs_are_round_maps() -> None:
    maps = wafer_inputs(3, seed=5)
    assert maps.shape == (3, 1, 224, 224) and set(np.unique(maps)) == {0.0, 1.0}
    assert maps[:, 0, :20, :20].max() == 0
    assert np.array_equal(maps, wafer_inputs(3, seed=5))
