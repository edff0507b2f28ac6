"""Golden integers against the frameworks that third-party models come from, all samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import Conv2d, Dense
from quantloom.gen.network.convert import dequantize, inputs_to_integers, integers_to_source
from quantloom.sim import golden

from ..models import arrays, third_party

PIXELS = InputGrid(8, False, Fraction(1, 255))

MODELS = [
    # folder, file, array of inputs, grid
    ("tfc_w1a1", "model.onnx", "x_u8", PIXELS),
    ("tfc_w2a2", "model.onnx", "x_u8", PIXELS),
    ("kws_mlp_w3a3", "model.onnx", "x_q", None),
    ("bnnpynq_lfcw1a1_mnist", "model.onnx.gz", "x_bipolar", None),
    ("bnnpynq_cnvw1a1_cifar10", "model.onnx.gz", "x_q", None),
]


@pytest.mark.parametrize(("name", "file", "key", "grid"), MODELS, ids=[m[0] for m in MODELS])
def test_outputs(name, file, key, grid):
    folder = third_party(name)
    network = load(folder / file, input_grid=grid)
    x = inputs_to_integers(network, arrays(folder / "inputs.npz")[key])
    integers = integers_to_source(network, golden.run(network, x)[network.output])
    expected = arrays(folder / "outputs.npz")
    out, end = expected["out"].astype(np.float64), network.source_output
    implied = (out - end.offset) / end.scale
    assert np.abs(implied - np.rint(implied)).max() < 1e-2  # far from the next integer
    np.testing.assert_array_equal(integers, np.rint(implied))
    reals = dequantize(network, integers)
    np.testing.assert_allclose(reals, out, atol=2e-5, rtol=1e-5)
    np.testing.assert_array_equal(reals.argmax(axis=1), expected["pred"])


@pytest.mark.parametrize("name", ["tfc_w1a1", "tfc_w2a2", "kws_mlp_w3a3"])
def test_layers(name):
    """Weights, activations and accumulators of the exporter's graph, layer by layer."""
    folder = third_party(name)
    network = load(folder / "model.onnx", input_grid=None if "kws" in name else PIXELS)
    layers = arrays(folder / "layers.npz")
    inputs = arrays(folder / "inputs.npz")
    x = inputs_to_integers(network, inputs["x_q" if "kws" in name else "x_u8"][:20])
    tensors = golden.run(network, x, keep=True)
    dense = [op for op in network.ops if isinstance(op, Dense)]
    weights = [layers[k] for k in layers if k.startswith("W_") and k.endswith("_q")]
    for op, want in zip(dense, weights, strict=True):
        signs = np.where((op.weights == want).all(axis=0), 1, -1)  # negated where gamma is negative
        np.testing.assert_array_equal(op.weights * signs, want)
    activations = [layers[k] for k in layers if k.startswith("A_") and k.endswith("_q")]
    for op, want in zip(dense, activations, strict=True):
        np.testing.assert_array_equal(tensors[op.inputs[0]].ravel(), want.ravel())


def test_feature_maps():
    folder = third_party("bnnpynq_cnvw1a1_cifar10")
    network = load(folder / "model.onnx.gz")
    layers = arrays(folder / "layers.npz")
    x = inputs_to_integers(network, arrays(folder / "inputs.npz")["x_q"][:1])
    tensors = golden.run(network, x, keep=True)
    weighted = [op.name for op in network.ops if isinstance(op, Conv2d | Dense)]
    pairs = [(f"acc{i}", name) for i, name in enumerate(weighted)]
    pairs += [(f"a{i}", f"{name}_act") for i, name in enumerate(weighted)]
    pairs += [("p1", "pool0"), ("p3", "pool1")]
    compared = 0
    for key, name in pairs:
        if key in layers:
            want = layers[key].reshape(1, tensors[name].shape[3], *tensors[name].shape[1:3])
            np.testing.assert_array_equal(tensors[name], np.moveaxis(want, 1, 3))
            compared += 1
    assert compared == len(layers)


def test_branched_channels_last():
    """Depthwise and pointwise convolutions, leaky ReLU, ties, nearest enlargement, a skip."""
    folder = third_party("hls4ml_branched_4b")
    network = load(folder / "model.onnx", input_grid=InputGrid(8, False, Fraction(1, 256)))
    x = inputs_to_integers(network, arrays(folder / "inputs.npz")["x_u8"])
    integers = integers_to_source(network, golden.run(network, x)[network.output])
    expected = arrays(folder / "outputs.npz")
    np.testing.assert_array_equal(dequantize(network, integers),
                                  expected["out_int"] / 2.0 ** int(expected["frac_bits"]))


def test_integer_graph():
    """Requantisation by multiply, add, cast, divide and clip; every tensor of the authors."""
    folder = third_party("dory_dronet_2_0")
    network = load(folder / "model.onnx", input_grid=InputGrid(8, False, 1.0))
    # Two heads on the last product; what they do with it is left to the host.
    assert [note.split(":")[0] for note in network.host] == ["output 338", "output 341"]
    x = inputs_to_integers(network, arrays(folder / "inputs.npz")["x_u8"])
    tensors = golden.run(network, x, keep=True)
    expected = arrays(folder / "outputs.npz")
    integers = integers_to_source(network, tensors[network.output])
    np.testing.assert_array_equal(integers.ravel(), expected["out"])
    ours = {(t.shape, t.tobytes()) for t in (a[0].astype(np.int64) for a in tensors.values())}
    for i in range(20):
        want = np.moveaxis(expected[f"layer{i:02}"][0], 0, 2).astype(np.int64)
        assert (want.shape, want.tobytes()) in ours


def test_super_resolution():
    """Per-channel weight scales and float biases; channels become pixels at the end."""
    folder = third_party("espcn_subpixel_w4a4")
    network = load(folder / "model.onnx", input_grid=PIXELS)
    x = inputs_to_integers(network, arrays(folder / "inputs.npz")["x_u8"])
    tensors = golden.run(network, x, keep=True)
    integers = integers_to_source(network, tensors[network.output])
    sums = integers_to_source(network, tensors[network.ops[-2].name])
    want = arrays(folder / "outputs.npz")["out_u8"]
    # One sum lies so close to a tie that the order of the source's float32 additions decides: it
    # comes out as both integers there. Every other element is equal.
    differ = integers != want
    undecided = np.unique(sums[differ])
    assert undecided.size <= 1 and differ.sum() < 10
    for value in undecided:
        assert len(np.unique(want[sums == value])) == 2
