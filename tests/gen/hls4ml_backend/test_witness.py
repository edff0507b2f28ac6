"""The golden model against hls4ml's own C++ emulation, layer by layer.

Left out, because hls4ml is known to slip there: types without fraction bits as quantisers (they
become integers and lose rounding and saturation), and a ternary tanh by itself (its C++ never
writes the result).
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hls4ml.model.quantizers import Quantizer
from hls4ml.model.types import ExponentPrecisionType

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends.hls4ml.fixed import ROUNDINGS
from quantloom.gen.frontends.hls4ml.graph import convert

from .layers import (
    activation,
    conv,
    conv_1d,
    dense,
    emulate,
    graph,
    ours,
    pool,
    source,
    types,
)

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

STYLES = ["io_parallel", "io_stream"]


def check(layers, precisions, x, tmp_path, io_type="io_parallel"):
    expected = emulate(graph(layers, precisions, "Vitis", tmp_path / "vitis", io_type=io_type), x)
    found = ours(graph(layers, precisions, "Quantloom", tmp_path / "own", io_type=io_type), x)
    compared = 0
    for name, values in found.items():
        if name in expected:
            np.testing.assert_array_equal(values, expected[name].reshape(values.shape), name)
            compared += 1
    assert compared >= len(layers) - 2
    return found


def grid(rng, *shape):
    return (rng.integers(-128, 128, shape) / 32).astype(np.float32)


def test_every_rounding_and_overflow(tmp_path):
    """A layer a mode: sums with more binary places than the results, and too large for them."""
    rng = np.random.default_rng(1)
    layers, precisions = [source(6)], {"x": {"result": "fixed<10,4>"}}
    for k, (rounding, overflow) in enumerate(
            (r, o) for r in ROUNDINGS for o in ("WRAP", "SAT", "SAT_SYM")):
        layers.append(dense(rng, f"d{k}", 6, 6, places=2, bits=4))
        precisions[f"d{k}"] = types(f"fixed<8,{4 + k % 2},{rounding},{overflow}>", "fixed<4,2>",
                                    "fixed<8,6>")
    x = (rng.integers(-512, 512, (200, 6)) / 64).astype(np.float32)
    found = check(layers, precisions, x, tmp_path)
    assert all(len(np.unique(values)) > 20 for values in found.values())


@pytest.mark.parametrize("io_type", STYLES)
def test_convolutions_and_pools(io_type, tmp_path):
    rng = np.random.default_rng(2)
    layers = [
        source(8, 7, 3), conv(rng, "c1", (8, 7, 3), 4), activation("r1", "relu", 224),
        pool("p1", "Max", (8, 7, 4)), conv(rng, "dw", (4, 3, 4), 1, depthwise=True),
        activation("r2", "relu", 48), conv(rng, "c2", (4, 3, 4), 5, (1, 1), same=False),
        pool("p2", "Average", (4, 3, 5), (2, 3)),
        {"class_name": "Reshape", "name": "flat", "target_shape": [10]}, dense(rng, "d", 10, 4)]
    precisions = {
        "x": {"result": "fixed<8,3>"}, "c1": types("fixed<12,7,RND,SAT>"),
        "r1": {"result": "ufixed<7,4,RND_CONV,SAT>"}, "p1": {"result": "auto", "accum": "auto"},
        "dw": types("fixed<12,7>"), "r2": {"result": "ufixed<8,5,TRN,SAT>"},
        "c2": types("fixed<14,9>"), "p2": {"result": "fixed<14,9>", "accum": "auto"},
        "flat": {"result": "auto"}, "d": types("auto")}
    check(layers, precisions, grid(rng, 20, 8, 7, 3), tmp_path, io_type)


def test_sequences(tmp_path):
    rng = np.random.default_rng(3)
    layers = [source(12, 3), conv_1d(rng, "c", 12, 3, 4, 5), activation("r", "relu", 32),
              {"class_name": "GlobalAveragePooling1D", "name": "g", "n_in": 8, "n_filt": 4,
               "pool_width": 8, "stride_width": 8, "data_format": "channels_last"}]
    precisions = {"x": {"result": "fixed<8,3>"}, "c": types("fixed<11,7,RND,SAT>"),
                  "r": {"result": "ufixed<9,6>"}, "g": {"result": "auto", "accum": "auto"}}
    check(layers, precisions, grid(rng, 30, 12, 3), tmp_path)


@pytest.mark.parametrize("io_type", STYLES)
def test_crops(io_type, tmp_path):
    rng = np.random.default_rng(6)
    crop = {"class_name": "Cropping2D", "name": "crop", "in_height": 6, "in_width": 7,
            "out_height": 3, "out_width": 5, "n_chan": 2, "crop_top": 1, "crop_bottom": 2,
            "crop_left": 0, "crop_right": 2, "data_format": "channels_last"}
    layers = [source(6, 7, 2), crop, conv(rng, "c", (3, 5, 2), 3, same=False)]
    precisions = {"x": {"result": "fixed<8,3>"}, "crop": {"result": "fixed<7,2,RND,SAT>"},
                  "c": types("fixed<12,7>")}
    check(layers, precisions, grid(rng, 20, 6, 7, 2), tmp_path, io_type)


def test_averages_at_the_edge(tmp_path):
    """One layer counts the padding; the others do not, with divisors that are powers of two and
    that are not."""
    layers = [
        source(7, 6, 2), pool("p1", "Average", (7, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1)),
        pool("p2", "Average", (7, 6, 2), (2, 2), (2, 1), (0, 0, 1, 1)),
        pool("p3", "Average", (4, 6, 2), (2, 3), (1, 1), (1, 1, 0, 1), count_pad=True)]
    precisions = {
        "x": {"result": "fixed<8,3>"}, "p1": {"result": "fixed<12,4>", "accum": "fixed<16,8>"},
        "p2": {"result": "fixed<12,4,RND,SAT>", "accum": "auto"},
        "p3": {"result": "fixed<10,4>", "accum": "fixed<24,12>"}}
    check(layers, precisions, grid(np.random.default_rng(8), 30, 7, 6, 2), tmp_path)


def test_maps_side_by_side(tmp_path):
    rng = np.random.default_rng(9)
    layers = [source(4, 5, 2), conv(rng, "a", (4, 5, 2), 2, (1, 1), inputs=["x"]),
              {"class_name": "Concatenate", "name": "over", "op": "concatenate3d", "axis": 1,
               "inputs": ["x", "a"]},
              {"class_name": "Concatenate", "name": "beside", "op": "concatenate3d", "axis": 2,
               "inputs": ["over", "over"]}]
    precisions = {"x": {"result": "fixed<8,3>"}, "a": types("fixed<9,5,RND,SAT>"),
                  "over": {"result": "fixed<10,5>"}, "beside": {"result": "fixed<9,4,TRN,SAT>"}}
    check(layers, precisions, grid(rng, 20, 4, 5, 2), tmp_path)


def test_an_average_at_the_edge_must_not_overflow(tmp_path):
    layers = [source(4, 4, 1), pool("p", "Average", (4, 4, 1), (3, 3), (1, 1), (1, 1, 1, 1))]
    precisions = {"x": {"result": "fixed<8,3>"},
                  "p": {"result": "fixed<8,3>", "accum": "fixed<9,4>"}}
    with pytest.raises(UnsupportedError, match="its accumulator overflows, and its windows at the"):
        convert(graph(layers, precisions, "Quantloom", tmp_path))


def test_crop_of_a_sequence(tmp_path):
    rng = np.random.default_rng(7)
    crop = {"class_name": "Cropping1D", "name": "crop", "in_width": 12, "out_width": 7,
            "n_chan": 3, "crop_left": 3, "crop_right": 2}
    layers = [source(12, 3), crop, conv_1d(rng, "c", 7, 3, 4, 5)]
    precisions = {"x": {"result": "fixed<8,3>"}, "crop": {"result": "fixed<8,3>"},
                  "c": types("fixed<11,7,RND,SAT>")}
    check(layers, precisions, grid(rng, 30, 12, 3), tmp_path)


def test_normalisation_and_slopes(tmp_path):
    rng = np.random.default_rng(4)
    layers = [
        source(5, 5, 3),
        {"class_name": "BatchNormalization", "name": "bn", "n_in": 75, "n_filt": 3,
         "gamma_data": np.array([1.5, -0.75, 2.0]), "beta_data": np.array([0.25, -1, 0.5]),
         "mean_data": np.zeros(3), "variance_data": np.ones(3), "epsilon": 0.0},
        activation("r", "relu", 75),
        activation("pr", "prelu", 75, "PReLU",
                   param_data=np.tile(np.array([0.25, 0.5, 0.125]), (5, 5, 1))),
        activation("lk", "LeakyReLU", 75, "LeakyReLU", activ_param=0.3),
        pool("gm", "Max", (5, 5, 3), (3, 3), (1, 1))]
    precisions = {
        "x": {"result": "fixed<8,3>"},
        "bn": {"scale": "fixed<8,4>", "bias": "fixed<8,4>", "result": "fixed<10,4,RND_CONV,SAT>"},
        "r": {"result": "fixed<10,5>"}, "pr": {"param": "fixed<8,2>",
                                               "result": "fixed<10,5,RND,SAT>"},
        "lk": {"param": "fixed<10,2>", "result": "fixed<9,5,RND,SAT>"},
        "gm": {"result": "auto", "accum": "auto"}}
    check(layers, precisions, grid(rng, 20, 5, 5, 3), tmp_path)


@pytest.mark.parametrize("io_type", STYLES)
def test_branches(io_type, tmp_path):
    rng = np.random.default_rng(5)
    layers = [source(4, 4, 2), conv(rng, "a", (4, 4, 2), 3, (1, 1), inputs=["x"]),
              conv(rng, "b", (4, 4, 2), 3, inputs=["x"])]
    for op, inputs in (("add", ["a", "b"]), ("subtract", ["add", "b"]),
                       ("average", ["subtract", "a"]), ("maximum", ["average", "b"]),
                       ("minimum", ["maximum", "a"]),
                       ("multiply", ["minimum", "b"])):
        layers.append({"class_name": "Merge", "name": op, "op": op, "inputs": inputs})
    layers += [
        {"class_name": "Concatenate", "name": "cat", "op": "concatenate3d", "axis": -1,
         "inputs": ["multiply", "a"]},
        {"class_name": "ZeroPadding2D", "name": "zp", "in_height": 4, "in_width": 4,
         "out_height": 7, "out_width": 6, "n_chan": 6, "pad_top": 1, "pad_bottom": 2,
         "pad_left": 0, "pad_right": 2, "data_format": "channels_last", "inputs": ["cat"]},
        {"class_name": "UpSampling2D", "name": "up", "in_height": 7, "in_width": 6,
         "out_height": 14, "out_width": 12, "n_chan": 6, "algorithm": "nearest",
         "data_format": "channels_last", "inputs": ["zp"]},
        {"class_name": "GlobalAveragePooling2D", "name": "ga", "in_height": 14, "in_width": 12,
         "n_filt": 6, "pool_height": 14, "pool_width": 12, "data_format": "channels_last",
         "inputs": ["up"]}]
    precisions = {
        "x": {"result": "fixed<8,3>"}, "a": types("fixed<10,6,RND,SAT>"),
        "b": types("fixed<11,6>"), "add": {"result": "fixed<10,6>"},
        "subtract": {"result": "fixed<12,7,RND,SAT>"},
        "average": {"result": "fixed<11,6,TRN_ZERO,SAT>"},
        "maximum": {"result": "fixed<11,6>"}, "minimum": {"result": "fixed<10,6,RND,SAT>"},
        "multiply": {"result": "fixed<10,6,RND,SAT>"},
        "cat": {"result": "fixed<10,6>"}, "ga": {"result": "fixed<12,6>", "accum": "fixed<28,14>"}}
    check(layers, precisions, grid(rng, 20, 4, 4, 2), tmp_path, io_type)


CURVES = [("relu6", "Activation", {}), ("sigmoid", "Activation", {}), ("tanh", "Activation", {}),
          ("softsign", "Activation", {}), ("softplus", "Activation", {}),
          ("binary_tanh", "Activation", {}), ("hard_sigmoid", "HardActivation", {}),
          ("hard_tanh", "HardActivation", {}), ("LeakyReLU", "LeakyReLU", {"activ_param": 0.3}),
          ("ThresholdedReLU", "ThresholdedReLU", {"activ_param": 0.6}), ("elu", "Activation", {}),
          ("ELU", "ELU", {"activ_param": 0.7}), ("selu", "Activation", {})]


def test_curves(tmp_path):
    """Every activation over every value of its input, side by side."""
    layers, joined = [source(16)], "x"
    precisions = {"x": {"result": "fixed<9,4>"}}
    for k, (kind, class_name, attributes) in enumerate(CURVES):
        layers.append(activation(f"a{k}", kind, 16, class_name, inputs=["x"], **attributes))
        precisions[f"a{k}"] = {"result": "fixed<10,4,RND,SAT>", "param": "fixed<10,2>"}
        if k:
            layers.append({"class_name": "Concatenate", "name": f"j{k}", "op": "concatenate1d",
                           "axis": -1, "inputs": [joined, f"a{k}"]})
            precisions[f"j{k}"] = {"result": "fixed<10,4>"}
        joined = f"j{k}" if k else "a0"
    x = (np.arange(-256, 256).reshape(32, 16) / 32).astype(np.float32)
    found = check(layers, precisions, x, tmp_path)
    assert found[joined].shape == (32, 16 * len(CURVES))


class Powers(Quantizer):
    """Weights are powers of two already."""

    def __init__(self):
        super().__init__(4, ExponentPrecisionType(4, True))

    def __call__(self, data):
        return data


@pytest.mark.parametrize("io_type", STYLES)
def test_powers_of_two(io_type, tmp_path, monkeypatch):
    monkeypatch.setattr(np, "product", np.prod, raising=False)  # hls4ml asks for it
    rng = np.random.default_rng(6)

    def quantised(layer):
        shape = layer["weight_data"].shape
        weights = rng.choice([-1, 1], shape) * 2.0 ** rng.integers(-4, 2, shape)
        return layer | {"weight_data": weights, "weight_quantizer": Powers()}

    layers = [source(6, 5, 2), quantised(conv(rng, "c", (6, 5, 2), 3)),
              {"class_name": "Reshape", "name": "flat", "target_shape": [90]},
              quantised(dense(rng, "d", 90, 4))]
    precisions = {"x": {"result": "fixed<8,3>"}, "c": types("fixed<9,6,RND,SAT>", weight="auto"),
                  "flat": {"result": "auto"}, "d": types("auto", weight="auto")}
    found = check(layers, precisions, grid(rng, 20, 6, 5, 2), tmp_path, io_type)
    assert len(np.unique(found["d"])) > 40
