"""Every operator and quantiser mode against qonnx's own execution of the graph."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends import InputGrid, load

from .graphs import CHANNELS_LAST, GENERAL, GraphBuilder, compute, execute

GRID = InputGrid(4, False, 0.5)
CASES: dict[str, tuple[Callable[[GraphBuilder], None], tuple[int, ...], InputGrid]] = {}


def case(shape: tuple[int, ...], grid: InputGrid = GRID):
    """Register a graph over inputs of a shape, batch included."""

    def register(build: Callable[[GraphBuilder], None]):
        CASES[build.__name__] = (build, shape, grid)
        return build

    return register


def seeded(name: str) -> np.random.Generator:
    seed = zlib.crc32(name.encode())
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def compare(tmp_path: Path, g: GraphBuilder, grid: InputGrid, frames: int = 6):
    """Load, compute, execute; every integer must be the one that qonnx's reals imply."""
    path = g.save(tmp_path)
    network = load(path, input_grid=grid)
    if grid.type.bipolar:
        q = g.rng.choice([-1, 1], (frames, *g.shape[1:]))
    else:
        q = g.rng.integers(grid.type.lo, grid.type.hi + 1, (frames, *g.shape[1:]))
    x = ((q - grid.zero_point) * float(grid.scale)).astype(np.float32)
    integers, reals = compute(network, x)
    expected = execute(path, x)
    assert reals.shape == expected.shape
    end = network.source_output
    implied = (expected.astype(np.float64) - end.offset) / end.scale + end.zero_point
    assert np.abs(implied - np.rint(implied)).max() < 1e-2
    np.testing.assert_array_equal(integers, np.rint(implied))
    return network, integers


def weighted(g: GraphBuilder, shape, op="Conv", scale=0.25, bits=4, bias=None, domain="",
             name="", **attributes):
    tip = g.tip
    inputs = [tip, g.weights(shape, scale, bits)]
    if bias is not None:
        inputs.append(g.const(bias))
    return g.node(op, *inputs, domain=domain, name=name, **attributes)


def act(g: GraphBuilder, scale=0.7, bits=4):
    g.node("Relu")
    return g.quant(scale, bits, signed=0)


@case((1, 3, 6, 7))
def conv_plain(g):
    weighted(g, (5, 3, 3, 3))
    g.norm(5)
    act(g)


@case((1, 4, 7, 7))
def conv_groups(g):
    weighted(g, (6, 2, 3, 3), group=2)
    g.norm(6)
    act(g)


@case((1, 4, 7, 6))
def conv_depthwise(g):
    weighted(g, (8, 1, 3, 3), group=4, strides=[2, 1], pads=[1, 1, 1, 1])
    g.norm(8)
    act(g)


@case((1, 2, 9, 8))
def conv_dilated_asymmetric(g):
    weighted(g, (3, 2, 3, 2), dilations=[2, 3], pads=[1, 0, 2, 3], strides=[2, 2])
    act(g)


@case((1, 3, 12))
def conv_1d(g):
    weighted(g, (4, 3, 5), strides=[2], pads=[2, 1])
    g.norm(4)
    act(g)
    weighted(g, (2, 4, 3), dilations=[2])


@case((1, 2, 8, 9))
def conv_same_upper(g):
    weighted(g, (3, 2, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2])
    act(g)


@case((1, 2, 8, 9))
def conv_same_lower(g):
    weighted(g, (3, 2, 4, 3), auto_pad="SAME_LOWER", strides=[2, 2])
    act(g)


@case((1, 2, 5, 5))
def conv_per_channel_scales_and_float_bias(g):
    weighted(g, (3, 2, 3, 3), scale=np.array([0.3, 0.11, 0.57]).reshape(3, 1, 1, 1),
             bias=[0.123, -1.7, 0.77])
    act(g, 0.31)


@case((1, 2, 5, 5))
def conv_integer_bias(g):
    weighted(g, (3, 2, 3, 3), scale=0.25, bias=[0.125, -1.75, 3.0])


@case((1, 3, 6, 6), InputGrid(4, False, 0.5, 5))
def conv_zero_point_padded(g):
    weighted(g, (4, 3, 3, 3), pads=[1, 1, 1, 1])
    act(g)


@case((1, 3, 5, 5), InputGrid(1, True, 1.0))
def conv_bipolar_padded(g):
    weighted(g, (4, 3, 3, 3), bits=1, pads=[1, 1, 1, 1])
    g.norm(4)
    g.node("BipolarQuant", g.tip, g.const(0.5), domain=GENERAL)
    weighted(g, (2, 4, 5, 5), bits=1)


@case((1, 12))
def matmul_norm(g):
    weighted(g, (12, 9), op="MatMul", scale=0.2)
    g.norm(9)
    act(g)
    weighted(g, (9, 4), op="MatMul", bits=2)
    g.after("Mul", 0.37)
    g.after("Add", [0.5, -1.25, 3.0, 0.0])


@case((1, 12))
def gemm_transposed_with_bias(g):
    tip = g.tip
    w = g.weights((7, 12), 0.25)
    g.node("Gemm", tip, w, g.const(g.rng.normal(size=7)), transB=1)
    act(g)
    tip = g.tip
    w = g.weights((7, 3), 0.5)
    g.node("Gemm", tip, w, g.const([0.35, 1.05, -0.7]), alpha=2.0)


@case((1, 5, 6))
def matmul_at_each_position(g):
    weighted(g, (6, 4), op="MatMul")
    g.after("Add", g.rng.normal(size=4))
    act(g)


@case((1, 3, 4, 5))
def flatten_into_matmul(g):
    weighted(g, (4, 3, 3, 3))
    act(g)
    g.node("Flatten")
    weighted(g, (24, 5), op="MatMul")


@case((1, 3, 4, 5))
def transpose_reshape_into_matmul(g):
    weighted(g, (4, 3, 3, 3))
    act(g)
    g.node("Transpose", perm=[0, 3, 1, 2])
    g.node("Reshape", g.tip, g.const([1, -1], np.int64))
    weighted(g, (24, 5), op="MatMul")


@case((1, 3, 4, 4))
def norm_after_flatten(g):
    weighted(g, (2, 3, 3, 3))
    act(g)
    g.node("Flatten")
    g.norm(8)
    g.quant(0.3, 3)
    weighted(g, (8, 3), op="MatMul")


@case((1, 2, 6, 6))
def negative_gamma(g):
    weighted(g, (6, 2, 3, 3), bits=3)
    g.after("BatchNormalization", -np.ones(6), np.linspace(-1, 1, 6), np.zeros(6), np.ones(6))
    g.quant(0.25, 4)


@case((1, 2, 6, 6))
def falling_without_weights(g):
    g.after("Mul", np.array([-1.0, 2.0]).reshape(1, 2, 1, 1))
    g.quant(1.0, 4)


@case((1, 2, 6, 6))
def max_pool_before_quantiser(g):
    weighted(g, (4, 2, 3, 3), bits=4)
    g.after("Mul", -0.5)
    g.norm(4)
    g.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    act(g)


@case((1, 2, 7, 8))
def max_pool_padded_ceil(g):
    g.node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=1)
    weighted(g, (3, 2, 2, 2))


@case((1, 2, 9, 8))
def max_pool_dilated(g):
    g.node("MaxPool", kernel_shape=[2, 3], dilations=[2, 2])
    weighted(g, (3, 2, 1, 1))


@case((1, 3, 8, 8), InputGrid(4, True, 0.5, 1))
def average_pool(g):
    g.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    weighted(g, (3, 3, 1, 1))
    act(g)


@case((1, 3, 6, 6))
def average_pool_counting_pads(g):
    g.node("AveragePool", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1],
           count_include_pad=1)
    g.quant(0.37, 4)


@case((1, 3, 7, 5))
def global_average_pool(g):
    weighted(g, (4, 3, 3, 3))
    act(g)
    g.node("GlobalAveragePool")
    g.node("Flatten")
    g.quant(0.1, 6)
    weighted(g, (4, 3), op="MatMul")


@case((1, 3, 7, 5))
def reduce_mean(g):
    g.node("ReduceMean", axes=[2, 3], keepdims=0)
    weighted(g, (3, 3), op="MatMul")


@case((1, 3, 6, 6))
def residual(g):
    weighted(g, (4, 3, 1, 1))
    start = act(g, 0.5)
    weighted(g, (4, 4, 3, 3), pads=[1, 1, 1, 1])
    left = g.quant(0.375, 4)
    g.node("Add", left, start)
    act(g, 0.9)
    weighted(g, (2, 4, 6, 6))


@case((1, 3, 6, 6))
def residual_difference_with_zero_points(g):
    left = g.quant(0.5, 4, zero=3, signed=0)
    g.node("Mul", "x", g.const(2.0))
    right = g.quant(0.25, 5, zero=-2)
    g.node("Sub", left, right)
    g.quant(0.5, 4)


@case((1, 3, 6, 6))
def concat_of_two_scales(g):
    weighted(g, (2, 3, 1, 1))
    a = g.quant(0.5, 3, signed=0)
    g.tip = "x"
    weighted(g, (3, 3, 3, 3), pads=[1, 1, 1, 1])
    b = g.quant(0.25, 4)
    g.node("Concat", a, b, axis=1)
    weighted(g, (4, 5, 2, 2))
    g.norm(4)
    act(g)


@case((1, 3, 6, 6))
def concat_of_zero_points(g):
    a = g.quant(0.5, 3, signed=0, zero=2)
    g.tip = "x"
    b = g.quant(0.5, 4, zero=-1)
    g.node("Concat", a, b, "x", axis=1)
    g.node("Flatten")
    weighted(g, (324, 2), op="MatMul")


@case((1, 2, 4, 3))
def resize(g):
    g.node("Resize", g.tip, "", g.const([1, 1, 3, 2]), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    weighted(g, (3, 2, 3, 3))


@case((1, 2, 4, 4))
def relu_between_integers(g):
    weighted(g, (3, 2, 1, 1), bits=2)
    g.node("Relu")
    weighted(g, (3, 3, 3, 3), bits=2)


@case((1, 2, 4, 4))
def relu_at_the_end(g):
    weighted(g, (3, 2, 1, 1), bits=2)
    g.node("Relu")


@case((1, 2, 4, 4))
def leaky_relu_eight_bits(g):
    weighted(g, (3, 2, 3, 3), bits=8)
    g.node("LeakyRelu", alpha=0.1015625)
    g.quant(0.25, 8)


@case((1, 2, 5, 5))
def activations(g):
    weighted(g, (3, 2, 1, 1), scale=0.0625)
    g.node("Sigmoid")
    g.quant(1 / 15, 4, signed=0)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.node("Tanh")
    g.quant(0.1, 4)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.node("HardSigmoid")
    g.quant(0.1, 4)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.after("PRelu", np.array([0.1, 0.2, 0.0]).reshape(3, 1, 1))
    g.after("Clip", -0.4, 0.9)
    g.quant(0.1, 5)


@case((1, 2, 5, 5))
def eight_bit_rescaling(g):
    weighted(g, (6, 2, 3, 3), bits=8, scale=np.linspace(0.01, 0.2, 6).reshape(6, 1, 1, 1))
    g.norm(6)
    g.quant(0.013, 8)
    weighted(g, (3, 6, 1, 1), bits=8)
    g.node("Relu")
    g.quant(0.31, 8, signed=0, zero=7)


@case((1, 3, 5, 5))
def integer_requantisation(g):
    weighted(g, (4, 3, 3, 3), scale=1.0, bits=6)
    g.after("Mul", np.array([3.0, 5, 9, 2]).reshape(1, 4, 1, 1))
    g.after("Add", np.array([30.0, -5, 19, 2]).reshape(1, 4, 1, 1))
    g.after("Div", 16.0)
    g.node("Floor")
    g.after("Clip", 0.0, 255.0)
    weighted(g, (2, 4, 1, 1), scale=1.0, bits=6)


@case((1, 3, 5, 5))
def per_channel_activation_scale(g):
    weighted(g, (4, 3, 3, 3))
    g.quant(np.array([0.5, 0.25, 1.0, 0.5]).reshape(1, 4, 1, 1), 4)
    weighted(g, (2, 4, 2, 2))


@case((1, 2, 5, 5))
def bipolar_multithreshold(g):
    weighted(g, (3, 2, 3, 3), scale=1.0)
    g.after("MultiThreshold", np.array([[0.5], [-3], [7]]), domain=GENERAL, out_scale=2.0,
            out_bias=-1.0, out_dtype="BIPOLAR")
    weighted(g, (2, 3, 1, 1), bits=1)


@case((1, 2, 5, 5))
def signed_multithreshold(g):
    weighted(g, (3, 2, 3, 3), scale=1.0)
    g.after("MultiThreshold", np.sort(g.rng.normal(size=(3, 7)) * 20), domain=GENERAL,
            out_scale=0.5, out_bias=-2.0, out_dtype="INT3")
    weighted(g, (2, 3, 1, 1))


@case((1, 9))
def shared_multithreshold_with_odd_bias(g):
    weighted(g, (9, 4), op="MatMul", scale=1.0)
    g.after("MultiThreshold", np.arange(-9, 9, 3)[None], domain=GENERAL, out_scale=1.0,
            out_bias=-2.5, out_dtype="FLOAT32")


@pytest.mark.parametrize("name", CASES)
def test_operator(name, tmp_path):
    build, shape, grid = CASES[name]
    g = GraphBuilder(shape, seeded(name))
    build(g)
    compare(tmp_path, g, grid)


MODES = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN"]


@pytest.mark.parametrize(("mode", "signed", "narrow", "zero"),
                         list(itertools.product(MODES, (0, 1), (0, 1), (0, 2))))
def test_quant_modes(mode, signed, narrow, zero, tmp_path):
    """Scale 2 on a half grid: every second real is a tie."""
    g = GraphBuilder((1, 2, 3, 3), seeded(f"{mode}{signed}{narrow}{zero}"))
    weighted(g, (4, 2, 2, 2), scale=0.5)
    g.quant(1.0, 3, signed=signed, narrow=narrow, zero=zero, mode=mode)
    compare(tmp_path, g, InputGrid(4, True, 1.0), frames=10)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("version", [1, 2])
def test_trunc(mode, version, tmp_path):
    g = GraphBuilder((1, 2, 5, 5), seeded(f"trunc{mode}{version}"), domain_version=version)
    weighted(g, (4, 2, 3, 3), scale=0.25)
    g.quant(0.25, 10)
    tail = (6.0,) if version == 1 else (4.0, 6.0)
    extra = {} if version == 1 else {"signed": 1, "narrow": 0}
    g.after("Trunc", 0.25, 0.0, 10.0, *tail, domain=GENERAL, rounding_mode=mode, **extra)
    compare(tmp_path, g, GRID)


def test_channels_last_equals_channels_first(tmp_path):
    """qonnx cannot execute its channels-last operators everywhere, so the layouts are compared."""
    rng = seeded("channels_last")
    shapes = [(4, 3, 3, 2), (4, 1, 2, 3), (5, 4, 1, 1)]
    weights = [rng.integers(-7, 8, shape).astype(np.float32) for shape in shapes]
    norm = [rng.normal(size=4) for _ in range(3)] + [rng.uniform(0.5, 2, 4)]
    x = rng.integers(0, 16, (5, 3, 9, 8)) * np.float32(0.5)
    results = []
    for last in (False, True):
        g = GraphBuilder((1, 9, 8, 3) if last else (1, 3, 9, 8), rng)
        domain = CHANNELS_LAST if last else ""
        for i, w in enumerate(weights):
            if i == 2:
                g.node("MaxPool", domain=domain, kernel_shape=[2, 3], strides=[2, 1])
                g.node("Concat", g.tip, g.tip, axis=3 if last else 1)
                w = np.concatenate([w, -w], axis=1)
                scales = [1, 3, 2, 1] if last else [1, 1, 3, 2]
                g.node("Resize", g.tip, "", g.const(scales), mode="nearest",
                       coordinate_transformation_mode="asymmetric", nearest_mode="floor")
            w = np.moveaxis(w, 1, -1) if last else w
            g.after("Conv", w, domain=domain, pads=[1, 0, 1, 1], group=4 if i == 1 else 1)
            if i == 0:
                g.after("BatchNormalization", *norm, domain=domain)
                g.quant(9.0, 4)
            else:
                g.quant(16.0, 4)
        g.node("Flatten")
        network = load(g.save(tmp_path), input_grid=GRID)
        integers, _ = compute(network, np.moveaxis(x, 1, -1) if last else x)
        results.append(integers.reshape(5, *network.tensors[network.output].shape) if last else
                       np.moveaxis(integers.reshape(5, 5, -1), 1, -1))
    np.testing.assert_array_equal(results[0].ravel(), results[1].ravel())


def test_argmax_and_topk(tmp_path):
    for op in ("ArgMax", "TopK"):
        g = GraphBuilder((1, 8), seeded(op))
        weighted(g, (8, 5), op="MatMul")
        g.after("Mul", 0.3)
        if op == "ArgMax":
            g.node("ArgMax", axis=1)
        else:
            g.node("TopK", g.tip, g.const([1], np.int64), outputs=2, axis=1)
            g.tip = f"{g.tip}_1"
        network = load(g.save(tmp_path), input_grid=GRID)
        assert network.ops[-1].kind == "argmax" and network.host == ()
        x = g.rng.integers(0, 16, (20, 8)) * np.float32(0.5)
        integers, _ = compute(network, x)
        logits = compute(load(g.save(tmp_path, g.nodes[-2].output[0]), input_grid=GRID), x)[1]
        np.testing.assert_array_equal(integers[:, 0], logits.argmax(axis=1))


def test_argmax_behind_unequal_offsets_is_left_to_the_host(tmp_path):
    g = GraphBuilder((1, 8), seeded("offsets"))
    weighted(g, (8, 3), op="MatMul")
    g.after("Add", [0.01, 0.02, 0.03])
    g.node("ArgMax", axis=1, name="winner")
    network = load(g.save(tmp_path), input_grid=GRID)
    assert network.host == ("argmax (winner)",)
    assert np.allclose(network.source_output.offset, [0.01, 0.02, 0.03])


def test_softmax_is_left_to_the_host(tmp_path):
    g = GraphBuilder((1, 8), seeded("softmax"))
    weighted(g, (8, 3), op="MatMul")
    g.node("Softmax", axis=1, name="probabilities")
    network = load(g.save(tmp_path), input_grid=GRID)
    assert network.host == ("softmax (probabilities)",)
    assert network.ops[-1].kind == "dense"


def test_choice_of_operations(tmp_path):
    """Identity quantisers vanish, clips stay clips, wide rescalings multiply, few steps compare."""
    g = GraphBuilder((1, 4), seeded("choice"))
    g.quant(0.5, 4, signed=0)                 # the input's own grid
    weighted(g, (4, 6), op="MatMul", scale=1.0)
    g.quant(0.5, 5)                           # the accumulator's grid, clipped
    weighted(g, (6, 6), op="MatMul", scale=1.0, bits=8)
    g.quant(1.7, 8)
    weighted(g, (6, 6), op="MatMul", scale=1.0, bits=8)
    g.quant(2.3, 4)
    network, _ = compare(tmp_path, g, GRID)
    assert [op.kind for op in network.ops] == [
        "dense", "clip", "dense", "requantize", "dense", "threshold"]


def test_negative_factors_turn_weights_around(tmp_path):
    g = GraphBuilder((1, 2, 6, 6), seeded("negative"))
    negative_gamma(g)
    network, _ = compare(tmp_path, g, GRID)
    assert network.ops[-1].descending is None


def test_names_are_those_of_the_source(tmp_path):
    g = GraphBuilder((1, 2, 6, 6), seeded("names"))
    weighted(g, (3, 2, 3, 3), name="/features/Conv1/Conv")
    act(g)
    weighted(g, (3, 3, 1, 1), name="module")
    g.quant(0.5, 3, name="/features/act2/act_quant/export_handler/Quant")
    weighted(g, (3, 3, 1, 1))
    network = load(g.save(tmp_path), input_grid=GRID)
    assert [op.name for op in network.ops] == [
        "features_conv1", "features_conv1_act", "module_op", "features_act2", "conv0"]


def test_input_grid_from_leading_quantiser_annotation_or_type(tmp_path):
    rng = seeded("grid")
    g = GraphBuilder((1, 2, 4, 4), rng)
    g.quant(0.125, 8, narrow=1)
    weighted(g, (3, 2, 3, 3))
    network = load(g.save(tmp_path))
    assert (network.input.lo, network.input.hi, network.source_input.scale) == (-127, 127, 0.125)
    assert [op.kind for op in network.ops] == ["conv2d"]

    g = GraphBuilder((1, 2, 4, 4), rng)
    weighted(g, (3, 2, 3, 3))
    g.annotations["x"] = "UINT2"
    assert str(load(g.save(tmp_path)).input.type) == "uint2"

    g = GraphBuilder((1, 2, 4, 4), rng, dtype=TensorProto.INT8)
    g.node("Cast", to=1)
    weighted(g, (3, 2, 3, 3))
    assert str(load(g.save(tmp_path)).input.type) == "int8"

    g = GraphBuilder((1, 2, 4, 4), rng)
    g.after("Mul", 2.0, name="prescale")
    g.quant(0.5, 4)
    weighted(g, (3, 2, 3, 3))
    network = load(g.save(tmp_path))
    assert "prescale (Mul)" in network.host[0]
    assert [op.kind for op in network.ops] == ["conv2d"]
    network = load(g.save(tmp_path), input_grid=InputGrid(3, True, 0.5))
    assert [op.kind for op in network.ops] == ["threshold", "conv2d"]


@pytest.mark.parametrize("shape", [("N", 2, 4, 4), (1, 2, 4, 4)])
def test_free_batch_size(shape, tmp_path):
    g = GraphBuilder(shape, seeded("batch"))
    weighted(g, (3, 2, 3, 3))
    assert load(g.save(tmp_path), input_grid=GRID).input.shape == (4, 4, 2)


def test_residual_of_unequal_learned_scales_is_refused(tmp_path):
    g = GraphBuilder((1, 2, 4, 4), seeded("unequal"))
    left = g.quant(0.3712871, 4)
    g.tip = "x"
    right = g.quant(0.1182719, 4)
    g.node("Add", left, right, name="join")
    with pytest.raises(UnsupportedError, match=r"join \(Add\): its operands have the scales "
                       r"0.371\d* and 0.118\d*, which have no small common grid"):
        load(g.save(tmp_path), input_grid=GRID)
