"""TensorFlow Lite files, against the reference kernels of its own runtime."""

from __future__ import annotations

import time

import numpy as np
import pytest

import quantloom
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import QuantloomError, UnsupportedError
from quantloom.gen.frontends import InputGrid, check, door, load
from quantloom.gen.frontends.tflite.kernels import Multiplier
from quantloom.rtl_templates.types import IntType
from quantloom.sim import golden
from quantloom.sim.simulate import simulate

from ...models import arrays, third_party
from .flat import FlatBuilder, execute, schema
from .graphs import compute

ACTIVATION = schema.ActivationFunctionType
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
UNIT = dict(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)


class Random(FlatBuilder):
    """A model with random scales and zero points."""

    def __init__(self, rng, shape=(1, 6, 5, 4)):
        self.rng = rng
        self.grid = self.any_grid()
        super().__init__(shape, *self.grid)

    def any_grid(self):
        return float(np.float32(self.rng.uniform(0.01, 0.1))), int(self.rng.integers(-60, 60))

    def weights(self, shape, axis=0, per_output=True):
        outputs = shape[axis]
        scale = np.float32(self.rng.uniform(0.001, 0.02, outputs if per_output else 1))
        source = np.float32(self.tensors[self.tip].quantization.scale[0])
        return (self.const(self.rng.integers(-127, 128, shape), scale, axis=axis),
                self.const(self.rng.integers(-3000, 3000, outputs), scale * source, dtype="int32"))

    def conv(self, outputs, kernel, out, *, activation=0, padding=SAME, grid=None, **options):
        channels = self.tensors[self.tip].shape[-1]
        groups = options.pop("groups", 1)
        parameters = self.weights((outputs, *kernel, channels // groups))
        return self.op("CONV_2D", (self.tip, *parameters), (1, *out, outputs),
                       *(grid or self.any_grid()), table="Conv2DOptions", padding=padding,
                       fusedActivationFunction=activation, **{**UNIT, **options})

    def like(self, kind, inputs=None, shape=None, grid=None, **options):
        """An operator whose result has the shape of its input."""
        shape = shape or self.tensors[self.tip].shape
        return self.op(kind, inputs or (self.tip,), shape, *(grid or self.any_grid()), **options)


def check_model(g: FlatBuilder, tmp_path, rng, frames=20):
    path = g.save(tmp_path)
    shape = [int(n) for n in g.tensors[g.input].shape[1:]]
    x = rng.integers(-128, 128, (frames, *shape)).astype(np.int8)
    want = execute(path, x)
    assert len(np.unique(want)) > 4
    integers, _ = compute(load(path), x)
    np.testing.assert_array_equal(integers.reshape(want.shape), want)


def seeded(seed):
    print(f"seed {seed}")
    return np.random.default_rng(seed)


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("activation", range(4))
def test_convolution(activation, padding, tmp_path):
    rng = seeded(activation)
    g = Random(rng)
    g.conv(6, (3, 2), (3, 5) if padding == SAME else (2, 4), activation=activation,
           padding=padding, strideH=2)
    check_model(g, tmp_path, rng)


def test_dilation_and_groups(tmp_path):
    rng = seeded(5)
    g = Random(rng)
    g.conv(6, (2, 2), (6, 5), dilationHFactor=2)
    g.conv(4, (1, 3), (6, 5), groups=2)
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise(multiplier, tmp_path):
    rng = seeded(multiplier)
    g = Random(rng)
    outputs = 4 * multiplier
    parameters = g.weights((1, 3, 3, outputs), axis=3)
    g.like("DEPTHWISE_CONV_2D", (g.tip, *parameters), (1, 6, 5, outputs),
           table="DepthwiseConv2DOptions", padding=SAME, depthMultiplier=multiplier, **UNIT)
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("per_output", [False, True])
def test_fully_connected(seed, per_output, tmp_path):
    rng = seeded(seed)
    g = Random(rng, (1, 40))
    g.like("FULLY_CONNECTED", (g.tip, *g.weights((7, 40), per_output=per_output)), (1, 7),
           table="FullyConnectedOptions")
    check_model(g, tmp_path, rng, frames=400)


def sums(kind, biases, source, own, target):
    """A layer of zero weights: its outputs are its biases, rescaled."""
    n = len(biases)
    g = FlatBuilder((1, 1, 1, n) if kind == "CONV_2D" else (1, 4), source, 0)
    scale = np.full(n, own, np.float32)
    bias = g.const(biases, scale * source, dtype="int32")
    if kind == "CONV_2D":
        g.op(kind, (g.tip, g.const(np.zeros((n, 1, 1, n)), scale), bias), (1, 1, 1, n), target, 0,
             table="Conv2DOptions", padding=VALID, **UNIT)
    else:
        g.op(kind, (g.tip, g.const(np.zeros((n, 4)), scale), bias), (1, n), target, 0,
             table="FullyConnectedOptions")
    return g


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["CONV_2D", "FULLY_CONNECTED"])
def test_rounding_next_to_ties(kind, seed, tmp_path):
    """Sums so close to a half that single or double rounding, and each form of factor, differ."""
    rng = seeded(seed)
    source, own = np.float32(rng.uniform(0.01, 0.1)), np.float32(rng.uniform(0.001, 0.02))
    target = np.float32(source * own * 2**23 * rng.uniform(1, 2))
    halves = (np.arange(-126, 127) + 0.5) / (np.float64(source) * own / target)
    near = np.unique(np.rint(halves).astype(np.int64)[:, None] + np.arange(-2, 3))
    near = near[np.abs(near) < 1 << 30]
    g = sums(kind, near, source, own, target)
    path = g.save(tmp_path)
    x = np.zeros((1, *[int(n) for n in g.tensors[g.input].shape[1:]]), np.int8)
    np.testing.assert_array_equal(compute(load(path), x)[0].ravel(), execute(path, x).ravel())


def test_ties_of_fully_connected_layers(tmp_path):
    g = sums("FULLY_CONNECTED", np.arange(-9, 10), 1.0, 0.5, 1.0)
    path, x = g.save(tmp_path), np.zeros((1, 4), np.int8)
    np.testing.assert_array_equal(compute(load(path), x)[0].ravel(), execute(path, x).ravel())


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
@pytest.mark.parametrize("seed", range(6))
def test_sum_of_two_scales(kind, seed, tmp_path):
    rng = seeded(seed)
    g = Random(rng)
    start = g.tip
    g.like("RELU6")
    g.like(kind, (start, g.tip), table=f"{kind.capitalize()}Options",
           fusedActivationFunction=seed % 2 if kind == "ADD" else 0)
    check_model(g, tmp_path, rng, frames=60)


@pytest.mark.parametrize("seed", range(4))
def test_product(seed, tmp_path):
    rng = seeded(seed)
    g = Random(rng)
    start = g.tip
    g.like("RELU6")
    scale, zero = g.any_grid()
    g.like("MUL", (start, g.tip), grid=(scale * 4, zero), table="MulOptions",
           fusedActivationFunction=seed % 2)
    check_model(g, tmp_path, rng, frames=60)


@pytest.mark.parametrize("operand", ["one", "channels", "first"])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_constant_operand(kind, operand, tmp_path):
    rng = seeded(1)
    g = Random(rng)
    data = rng.integers(-127, 128, () if operand == "one" else 4)
    constant = g.const(data, *g.any_grid())
    scale, zero = g.any_grid()
    g.like(kind, (constant, g.input) if operand == "first" else (g.input, constant),
           grid=(scale * (10 if kind == "MUL" else 1), zero),
           table=f"{kind.capitalize()}Options")
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("kind, padding", [("MAX_POOL_2D", SAME), ("MAX_POOL_2D", VALID),
                                           ("AVERAGE_POOL_2D", VALID)])
@pytest.mark.parametrize("activation", [0, 1])
def test_pools(kind, padding, activation, tmp_path):
    rng = seeded(2)
    g = Random(rng)
    g.like(kind, shape=(1, 3, 3, 4) if padding == SAME else (1, 2, 2, 4), grid=g.grid,
           table="Pool2DOptions", padding=padding, strideH=2, strideW=2, filterHeight=3,
           filterWidth=2, fusedActivationFunction=activation)
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (2, 5), (6, 5)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("activation", [0, 1])
def test_averages_at_the_edge(kernel, stride, activation, tmp_path):
    """The divisor is the number of pixels inside, the quotient rounded half away from zero."""
    rng = seeded(13)
    g = Random(rng, (1, 8, 7, 3))
    g.like("AVERAGE_POOL_2D", shape=(1, -(-8 // stride[0]), -(-7 // stride[1]), 3), grid=g.grid,
           table="Pool2DOptions", padding=SAME, strideH=stride[0], strideW=stride[1],
           filterHeight=kernel[0], filterWidth=kernel[1], fusedActivationFunction=activation)
    check_model(g, tmp_path, rng, frames=100)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("size", [(6, 5), (7, 7)])
def test_mean(size, keep, tmp_path):
    rng = seeded(3)
    g = Random(rng, (1, *size, 4))
    axes = g.const([1, 2], dtype="int32")
    g.like("MEAN", (g.tip, axes), (1, 1, 1, 4) if keep else (1, 4), table="ReducerOptions",
           keepDims=keep)
    check_model(g, tmp_path, rng, frames=400)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE",
                                  "LEAKY_RELU", "ELU", "EXP", "GELU", "GELU by tanh",
                                  "HARD_SWISH"])
def test_every_value(kind, seed, tmp_path):
    rng = seeded(seed)
    g = Random(rng, (1, 256))
    grid = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(kind, g.any_grid())
    options = {"table": "QuantizeOptions"} if kind == "QUANTIZE" else {}
    if kind == "LEAKY_RELU":
        options = {"table": "LeakyReluOptions", "alpha": float(np.float32(rng.uniform(0.05, 0.4)))}
    if kind in ("EXP", "HARD_SWISH"):
        options = {"table": "ExpOptions" if kind == "EXP" else "HardSwishOptions"}
    if kind.startswith("GELU"):
        kind, options = "GELU", {"table": "GeluOptions", "approximate": "tanh" in kind}
    g.like(kind, grid=grid, **options)
    path = g.save(tmp_path)
    x = np.arange(-128, 128).astype(np.int8)[None]
    np.testing.assert_array_equal(compute(load(path), x)[0],
                                  execute(path, x, reference=kind != "ELU"))


def test_arrangement(tmp_path):
    rng = seeded(4)
    g = Random(rng)
    amounts = g.const([[0, 0], [1, 2], [0, 3], [0, 0]], dtype="int32")
    padded = g.like("PAD", (g.tip, amounts), (1, 9, 8, 4), grid=g.grid, table="PadOptions")
    g.like("MAX_POOL_2D", grid=g.grid, table="Pool2DOptions", padding=SAME, strideH=1, strideW=1,
           filterHeight=2, filterWidth=2)
    g.like("CONCATENATION", (padded, g.tip), (1, 9, 8, 8), grid=g.grid,
           table="ConcatenationOptions", axis=3)
    size = g.const([18, 24], dtype="int32")
    g.like("RESIZE_NEAREST_NEIGHBOR", (g.tip, size), (1, 18, 24, 8), grid=g.grid,
           table="ResizeNearestNeighborOptions")
    shape = g.const([1, 18 * 24 * 8], dtype="int32")
    g.like("RESHAPE", (g.tip, shape), (1, 18 * 24 * 8), grid=g.grid)
    check_model(g, tmp_path, rng, frames=4)


def strided(g, begins, ends, strides, shape, **masks):
    numbers = (g.const(n, dtype="int32") for n in (begins, ends, strides))
    return g.like("STRIDED_SLICE", (g.tip, *numbers), shape, grid=g.grid,
                  table="StridedSliceOptions", **masks)


SLICES = {
    "crop": lambda g: strided(g, [0, 1, -4, 0], [1, 6, -1, 4], [1] * 4, (1, 5, 3, 4)),
    "masks": lambda g: strided(g, [0, 2, 9, 1], [0, -2, 9, 3], [1] * 4, (1, 2, 5, 2),
                               beginMask=0b0101, endMask=0b0101),
    "every_second": lambda g: strided(g, [0, 1, 0, 0], [1, 6, 5, 4], [1, 2, 3, 1], (1, 3, 2, 4)),
    "one_row": lambda g: strided(g, [0, -2, 0, 0], [1, 0, 5, 4], [1] * 4, (1, 5, 4),
                                 shrinkAxisMask=0b0010),
    "last_column": lambda g: strided(g, [0, 0, -1, 0], [1, 6, 0, 4], [1] * 4, (1, 6, 4),
                                     shrinkAxisMask=0b0100),
    "slice": lambda g: g.like("SLICE", (g.tip, g.const([0, 1, 2, 0], dtype="int32"),
                                        g.const([1, 3, -1, 2], dtype="int32")), (1, 3, 3, 2),
                              grid=g.grid, table="SliceOptions"),
}


@pytest.mark.parametrize("name", SLICES)
def test_slices(name, tmp_path):
    rng = seeded(11)
    g = Random(rng)
    SLICES[name](g)
    g.like("RELU")
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_concatenations(axis, tmp_path):
    rng = seeded(14)
    g = Random(rng)
    start = g.tip
    second = g.like("RELU", grid=g.grid)
    shape = [1, 6, 5, 4]
    shape[axis] *= 3
    g.like("CONCATENATION", (second, start, second), shape, grid=g.grid,
           table="ConcatenationOptions", axis=axis)
    g.conv(3, (3, 3), (shape[1], shape[2]))
    check_model(g, tmp_path, rng)


@pytest.mark.parametrize("block", [2, 3])
def test_blocks_of_pixels(block, tmp_path):
    rng = seeded(12)
    shape, channels = (1, 2, 3, 2 * block**2), 2
    g = Random(rng, shape)
    g.like("DEPTH_TO_SPACE", shape=(1, 2 * block, 3 * block, channels), grid=g.grid,
           table="DepthToSpaceOptions", blockSize=block)
    g.conv(channels, (1, 1), (2 * block, 3 * block), grid=g.grid)
    g.like("SPACE_TO_DEPTH", shape=shape, grid=g.grid, table="SpaceToDepthOptions",
           blockSize=block)
    check_model(g, tmp_path, rng)


def classifier(rng) -> Random:
    """A residual network in small, from reals to a softmax on the host."""
    g = Random(rng, (1, 8, 8, 3))
    g.tensors[g.input].type = schema.TensorType.FLOAT32
    g.tensors[g.input].quantization = None
    grid = g.any_grid()
    g.like("QUANTIZE", grid=grid, table="QuantizeOptions")
    low = (0.4, -128)
    skip = g.conv(4, (3, 3), (8, 8), activation=ACTIVATION.RELU, grid=low)
    g.conv(4, (3, 3), (8, 8), grid=(1.1, 9))
    g.like("ADD", (skip, g.tip), grid=(0.7, -128), table="AddOptions",
           fusedActivationFunction=ACTIVATION.RELU)
    g.like("AVERAGE_POOL_2D", shape=(1, 2, 2, 4), grid=(0.7, -128), table="Pool2DOptions",
           padding=VALID, strideH=4, strideW=4, filterHeight=4, filterWidth=4)
    shape = g.const([1, 16], dtype="int32")
    g.like("RESHAPE", (g.tip, shape), (1, 16), grid=(0.7, -128))
    g.like("FULLY_CONNECTED", (g.tip, *g.weights((5, 16), per_output=False)), (1, 5),
           grid=(0.09, 3), table="FullyConnectedOptions")
    g.like("SOFTMAX", grid=(1 / 256, -128), table="SoftmaxOptions", beta=1.0)
    return g


def test_verilog(tmp_path):
    """From the file to hardware, every stream compared."""
    rng = seeded(6)
    g = classifier(rng)
    network = load(g.save(tmp_path))
    assert network.host == ("softmax",) and network.input.type == IntType(8, True)
    design = Design(network, quantloom.fold(network, 2_000))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    frames = rng.integers(-128, 128, (4, *network.input.shape))
    report = simulate(design.dataflow, verilog, frames)
    assert report.ok and report.frames == 4, report.first_mismatch
    # The same through the runtime, up to the layer before the softmax.
    g.tip = g.operators[-1].inputs[0]
    g.operators.pop()
    end = network.source_input
    want = execute(g.save(tmp_path), (end.scale * (frames - end.zero_point)).astype(np.float32))
    np.testing.assert_array_equal(compute(network, frames)[0], want)


def test_verilog_of_what_moves_pixels(tmp_path):
    """Crop, blocks, averages at the edge and a concatenation along the height, in hardware."""
    rng = seeded(15)
    g = Random(rng, (1, 10, 9, 3))
    strided(g, [0, 1, 0, 0], [1, 9, 8, 3], [1] * 4, (1, 8, 8, 3))
    g.like("SPACE_TO_DEPTH", shape=(1, 4, 4, 12), grid=g.grid, table="SpaceToDepthOptions",
           blockSize=2)
    g.conv(8, (3, 3), (4, 4), activation=ACTIVATION.RELU, grid=(0.9, -128))
    low = (0.9, -128)
    up = g.like("DEPTH_TO_SPACE", shape=(1, 8, 8, 2), grid=low, table="DepthToSpaceOptions",
                blockSize=2)
    g.like("AVERAGE_POOL_2D", grid=low, table="Pool2DOptions", padding=SAME, strideH=1, strideW=1,
           filterHeight=3, filterWidth=3)
    g.like("CONCATENATION", (g.tip, up), (1, 16, 8, 2), grid=low, table="ConcatenationOptions",
           axis=1)
    g.conv(3, (3, 3), (16, 8))
    path = g.save(tmp_path)
    network = load(path)
    design = Design(network, quantloom.fold(network, 1_500))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    frames = rng.integers(-128, 128, (4, *network.input.shape)).astype(np.int8)
    for stress in (False, True):
        report = simulate(design.dataflow, verilog, frames, engine="verilator", stress=stress,
                          seed=3)
        assert report.ok and report.frames == 4, (report.first_mismatch, report.deadlock)
    np.testing.assert_array_equal(report.outputs.reshape(4, 16, 8, 3), execute(path, frames))


def test_operators_at_the_ends(tmp_path):
    """Reals in, reals out: the ends' scales say what the integers mean."""
    rng = seeded(7)
    g = Random(rng)
    grid = g.any_grid()
    g.conv(3, (1, 1), (6, 5), grid=grid)
    g.op("DEQUANTIZE", (g.tip,), (1, 6, 5, 3), dtype="float32", table="DequantizeOptions")
    path = g.save(tmp_path)
    network = load(path)
    x = rng.integers(-128, 128, (5, 6, 5, 4)).astype(np.int8)
    assert network.host == ()
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))


def test_index_of_the_largest(tmp_path):
    rng = seeded(8)
    g = Random(rng, (1, 12))
    g.like("FULLY_CONNECTED", (g.tip, *g.weights((5, 12))), (1, 5), table="FullyConnectedOptions")
    g.op("ARG_MAX", (g.tip, g.const([1], dtype="int32")), (1,), dtype="int64",
         table="ArgMaxOptions", outputType=schema.TensorType.INT64)
    path = g.save(tmp_path)
    x = rng.integers(-128, 128, (50, 12)).astype(np.int8)
    np.testing.assert_array_equal(compute(load(path), x)[0].ravel(), execute(path, x).ravel())


def test_multiplier_of_a_real():
    assert Multiplier.of(0.5) == Multiplier(1 << 30, 0)
    assert Multiplier.of(1 - 2.0**-40) == Multiplier(1 << 30, 1)
    assert Multiplier.of(2.0**-40) == Multiplier(0, 0)
    for real in (0.0, -1.0, float("nan"), 2.0**31):
        with pytest.raises(ValueError, match="its scales give the factor"):
            Multiplier.of(real)


def test_resnet8_every_layer_and_sample():
    """MLPerf Tiny's image classifier, as its reference kernels compute it."""
    folder = third_party("mlperf_ic_resnet8_int8")
    network = load(folder / "model.tflite")
    assert door(folder / "model.tflite") == "TFLite" and network.host == ("softmax",)
    x = arrays(folder / "inputs.npz")["x"]
    tensors = golden.run(network, x[:1].astype(np.int64), keep=True)
    ours = {a.astype(np.int64).tobytes() for a in tensors.values()}
    layers = arrays(folder / "layers.npz")
    for name in (n for n in layers if n.startswith("op") and "SOFTMAX" not in n):
        assert layers[name].astype(np.int64).tobytes() in ours, name
    logits = compute(network, x)[0].reshape(len(x), -1)
    out = arrays(folder / "outputs.npz")["out_ref"]
    single = (out == out.max(axis=1, keepdims=True)).sum(axis=1) == 1
    np.testing.assert_array_equal(logits[single].argmax(axis=1), out[single].argmax(axis=1))
    assert single.sum() > 190


@pytest.mark.parametrize("build, text", [
    (lambda g: g.like("FLOOR"), "operator FLOOR is not supported"),
    (lambda g: g.conv(3, (1, 1), (6, 5), activation=ACTIVATION.TANH),
     "its fused activation is TANH. Make the activation an operator"),
    (lambda g: g.op("CONV_2D", (g.tip, g.const(np.zeros((3, 1, 1, 4)), 0.1, 5), -1), (1, 6, 5, 3),
                    0.1, table="Conv2DOptions", padding=SAME, **UNIT),
     "its weights have 1 scales on axis 0 and zero points up to 5"),
    (lambda g: g.op("CONV_2D", (g.tip, g.const(np.zeros((3, 1, 1, 4)), dtype="float32"), -1),
                    (1, 6, 5, 3), 0.1, table="Conv2DOptions", padding=SAME, **UNIT),
     "of type float32, not a constant of int8"),
    (lambda g: g.like("MAX_POOL_2D", grid=(9.0, 1), table="Pool2DOptions", padding=SAME, strideH=1,
                      strideW=1, filterHeight=2, filterWidth=2),
     "its input and output have different scales"),
    (lambda g: g.op("RELU", (g.tip,), (1, 6, 5, 4), 0.1, dtype="uint8"),
     "of 1 scales and type uint8. Only full int8 quantisation is supported"),
    (lambda g: g.op("RESHAPE", (g.tip,), (1, 7), *g.grid), "its result is of another size"),
    (lambda g: (g.like("SOFTMAX"), g.like("RELU")), "RELU .*it follows softmax, which is left to"),
    (lambda g: g.op("CONCATENATION", (g.tip, g.tip), (2, 6, 5, 4), *g.grid,
                    table="ConcatenationOptions", axis=0), "it joins samples of a batch"),
    (lambda g: strided(g, [0, 5, 0, 0], [1, 0, 5, 4], [1, -1, 1, 1], (1, 5, 5, 4)),
     r"its strides are \[1, -1, 1, 1\]. Only positive strides"),
    (lambda g: strided(g, [0, 0, 0, 0], [1, 6, 5, 4], [1, 1, 1, 2], (1, 6, 5, 2)),
     "it takes every 2 channels. Only strides along height and width"),
    (lambda g: strided(g, [0, 3, 0, 0], [1, 2, 5, 4], [1] * 4, (1, 6, 5, 4)), "nothing is left"),
    (lambda g: strided(g, [0] * 4, [1] * 4, [1] * 4, (1, 6, 5, 4), ellipsisMask=1),
     "it has an ellipsis, or makes an axis"),
    (lambda g: g.like("SOFTMAX"), "nothing is computed between input and output"),
])  # fmt: skip
def test_refusals(build, text, tmp_path):
    g = Random(np.random.default_rng(0))
    build(g)
    path = g.save(tmp_path)
    with pytest.raises(UnsupportedError, match=text):
        load(path)
    assert check(path)


def test_inspect_lists_all(tmp_path):
    g = Random(np.random.default_rng(0))
    g.like("FLOOR")
    g.like("RELU")
    g.like("ADD", (g.input, g.tip), table="AddOptions")
    g.tip = g.like("SQUARE", (g.input,))
    g.like("ADD", (g.tip, g.operators[2].outputs[0]), table="AddOptions")
    problems = check(g.save(tmp_path))
    assert [p.problem for p in problems] == ["operator FLOOR is not supported",
                                             "operator SQUARE is not supported"]


def test_input_grid_is_the_files(tmp_path):
    g = classifier(np.random.default_rng(0))
    with pytest.raises(QuantloomError, match="the file states its input's grid"):
        load(g.save(tmp_path), input_grid=InputGrid(8))


def test_damaged_files(tmp_path):
    """Cut or with bytes changed: one error, at once, never a traceback."""
    data = classifier(np.random.default_rng(0)).bytes()
    rng = seeded(9)
    path = tmp_path / "damaged.tflite"
    start = time.monotonic()
    for content in (b"", b"no", b"\x1c\x00\x00\x00TFL3", data[:100], data[: len(data) // 2],
                    data[:-40]):
        path.write_bytes(content)
        with pytest.raises(QuantloomError, match=r"damaged\.tflite: "):
            load(path)
    refused = 0
    for _ in range(200):
        broken = bytearray(data)
        for place in rng.integers(8, len(data), 3):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            load(path)
        except QuantloomError:
            refused += 1
    assert refused > 20
    assert time.monotonic() - start < 60
