"""QuantizeLinear and DequantizeLinear, against onnxruntime node by node and exact arithmetic."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

import quantloom
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends import InputGrid, check, load
from quantloom.rtl_templates.types import IntType
from quantloom.sim.simulate import simulate

from .graphs import GraphBuilder, compute, execute

TYPES = {"int8": (np.int8, -128, 127), "uint8": (np.uint8, 0, 255), "int16": (np.int16, -2**15,
                                                                           2**15 - 1)}


def quantize(g: GraphBuilder, scale, zero=0, kind="uint8", **attributes) -> str:
    dtype = TYPES[kind][0]
    scale = np.asarray(scale, np.float32)
    zeros = g.const(np.broadcast_to(np.asarray(zero), scale.shape), dtype)
    g.node("QuantizeLinear", g.tip, g.const(scale), zeros, **attributes)
    return g.node("DequantizeLinear", g.tip, g.const(scale), zeros, **attributes)


def stored(g: GraphBuilder, integers, scale, zero=0, kind="int8", axis=None) -> str:
    """Dequantised constant; the tip stays."""
    tip, scale = g.tip, np.asarray(scale, np.float32)
    zeros = g.const(np.broadcast_to(np.asarray(zero), scale.shape),
                    TYPES[kind][0] if kind in TYPES else np.int32)
    values = g.const(integers, TYPES[kind][0] if kind in TYPES else np.int32)
    out = g.node("DequantizeLinear", values, g.const(scale), zeros,
                 **({} if axis is None else {"axis": axis}))
    g.tip = tip
    return out


def classifier(rng: np.random.Generator, *, dyadic: bool, kind: str) -> GraphBuilder:
    """Convolutions and a dense layer as exporters write them: 8 bits, biases of 32 bits."""
    def scales(shape=()):
        return 2.0 ** -rng.integers(4, 7, shape) if dyadic else rng.uniform(0.01, 0.05, shape)

    def fitting(source, own, terms):
        """A scale with which sums of so many products fill the range."""
        scale = float(source) * np.max(own) * 73 * 70 * terms**0.5 / 50
        return 2.0 ** np.round(np.log2(scale)) if dyadic else scale

    g = GraphBuilder((1, 3, 8, 8), rng)
    zero = int(rng.integers(-20, 20)) if kind == "int8" else int(rng.integers(100, 140))
    source = scales()
    quantize(g, source, zero, kind)
    channels = 3
    for outputs, groups in ((4, 1), (4, 4)):
        own = np.asarray(scales(outputs), np.float32)
        weights = stored(g, rng.integers(-127, 128, (outputs, channels // groups, 3, 3)), own,
                         axis=0)
        bias = stored(g, rng.integers(-3000, 3000, outputs), own * np.float32(source), kind="int32",
                      axis=0)
        g.node("Conv", g.tip, weights, bias, group=groups, pads=[1] * 4, strides=[1, 1])
        g.node("Relu")
        source, channels = fitting(source, own, 9 * channels // groups), outputs
        quantize(g, source, zero, kind)
        g.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        quantize(g, source, zero, kind)
    g.node("Flatten")
    own = scales()
    g.node("Gemm", g.tip, stored(g, rng.integers(0, 256, (5, 16)), own, 131, "uint8"), transB=1)
    quantize(g, fitting(source, own, 16), zero, kind)
    return g


def inputs(network, rng, frames=12):
    tensor = network.input
    q = rng.integers(tensor.lo, tensor.hi + 1, (frames, *network.source_input.shape))
    return ((q - network.source_input.zero_point) * network.source_input.scale).astype(np.float32)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize("seed", range(6))
def test_classifier_equals_onnxruntime(seed, kind, tmp_path):
    """Powers of two as scales: all sums are exact in float32, and so is onnxruntime's result."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    path = classifier(rng, dyadic=True, kind=kind).save(tmp_path)
    network = load(path)
    assert network.input.type == IntType(8, kind == "int8")
    x = inputs(network, rng)
    _, reals = compute(network, x)
    expected = execute(path, x)
    np.testing.assert_array_equal(reals.astype(np.float32), expected)
    assert len(np.unique(expected)) > 8


def test_any_scale_is_exact(tmp_path):
    """A product's sum is an integer times both scales, rounded to float32 once."""
    rng = np.random.default_rng(5)
    g = GraphBuilder((1, 40), rng)
    scale, own, end = np.float32(0.0371), np.float32(0.0113), np.float32(0.0927)
    w = rng.integers(-127, 128, (40, 9))
    quantize(g, scale, 7)
    g.node("MatMul", g.tip, stored(g, w, own))
    quantize(g, end, 3, "int8")
    network = load(g.save(tmp_path))
    x = inputs(network, rng, 500)
    q = np.clip(np.rint(x / scale) + 7, 0, 255).astype(np.int64)
    real = (((q - 7) @ w) * (np.float64(scale) * np.float64(own))).astype(np.float32)
    want = np.clip(np.rint(real / end) + 3, -128, 127)
    np.testing.assert_array_equal(compute(network, x)[0], want)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16"])
def test_integers_go_in_and_out(kind, tmp_path):
    """An integer input needs no quantiser; the output may stay integers; ties round to even."""
    dtype, lo, hi = TYPES[kind]
    rng = np.random.default_rng(1)
    g = GraphBuilder((1, 6), rng, dtype={"uint8": TensorProto.UINT8, "int8": TensorProto.INT8,
                                         "int16": TensorProto.INT16}[kind], opset=21)
    g.result = g.dtype
    g.node("DequantizeLinear", g.tip, g.const(0.5), g.const(3, dtype))
    g.node("MatMul", g.tip, stored(g, rng.integers(-3, 4, (6, 4)), 0.25))
    g.node("QuantizeLinear", g.tip, g.const(0.25 if kind != "int16" else 16), g.const(1, dtype))
    path = g.save(tmp_path)
    network = load(path)
    x = rng.integers(lo, hi + 1, (200, 6)).astype(dtype)
    x[:4] = [[3] * 6, [lo] * 6, [hi] * 6, [4] * 6]
    integers, reals = compute(network, x)
    np.testing.assert_array_equal(integers, reals)
    np.testing.assert_array_equal(integers, execute(path, x).astype(np.int64))


def test_defaults_and_constants(tmp_path):
    """Without a zero point: uint8, or the stated type. Constants are quantised on the spot."""
    rng = np.random.default_rng(2)
    g = GraphBuilder((1, 5), rng, opset=21)
    g.node("QuantizeLinear", g.tip, g.const(0.25))
    g.node("DequantizeLinear", g.tip, g.const(0.25))
    tip = g.tip
    g.node("QuantizeLinear", g.const(rng.normal(size=(5, 3))), g.const([0.5, 0.25, 1.0]),
           output_dtype=TensorProto.INT8, axis=-1)
    g.node("DequantizeLinear", g.tip, g.const([0.5, 0.25, 1.0]), axis=-1)
    g.node("MatMul", tip, g.tip)
    g.node("QuantizeLinear", g.tip, g.const(2.0), output_dtype=TensorProto.INT8)
    g.node("DequantizeLinear", g.tip, g.const(2.0))
    path = g.save(tmp_path)
    network = load(path)
    x = inputs(network, rng, 50)
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))


def test_weights_and_tensors_of_four_bits(tmp_path):
    """Integers of less than a byte, which opset 21 brought."""
    rng = np.random.default_rng(7)
    g = GraphBuilder((1, 6), rng, opset=21)
    zero = g.const(3, ml_dtypes.uint4)
    g.node("QuantizeLinear", g.tip, g.const(0.5), zero)
    source = g.node("DequantizeLinear", g.tip, g.const(0.5), zero)
    weights = g.node("DequantizeLinear", g.const(rng.integers(-8, 8, (6, 4)), ml_dtypes.int4),
                     g.const(0.25), g.const(-2, ml_dtypes.int4))
    g.node("MatMul", source, weights)
    model = g.model()
    model.ir_version = 10
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    network = load(path)
    assert network.input.type == IntType(4, False)
    x = inputs(network, rng, 100)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    expected = np.concatenate([session.run(None, {"x": frame[None]})[0] for frame in x])
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), expected)


def test_residual_sum_and_pools(tmp_path):
    rng = np.random.default_rng(3)
    g = GraphBuilder((1, 2, 6, 6), rng)
    skip = quantize(g, 0.5, 128)
    g.node("Conv", g.tip, stored(g, rng.integers(-9, 10, (2, 2, 1, 1)), 0.25))
    quantize(g, 0.5, 128)
    g.node("Add", g.tip, skip)
    quantize(g, 1.0, 100)
    g.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    quantize(g, 0.25, 5, "int8")
    g.node("Transpose", perm=[0, 2, 3, 1])
    path = g.save(tmp_path)
    network = load(path)
    x = inputs(network, rng)
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))


def test_verilog(tmp_path):
    """The hardware of a QDQ network, every stream compared."""
    rng = np.random.default_rng(4)
    network = load(classifier(rng, dyadic=False, kind="int8").save(tmp_path))
    design = Design(network, quantloom.fold(network, 1_500))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    frames = rng.integers(network.input.lo, network.input.hi + 1, (4, *network.input.shape))
    report = simulate(design.dataflow, verilog, frames)
    assert report.ok and report.frames == 4, report.first_mismatch


def _broken(build) -> GraphBuilder:
    g = GraphBuilder((1, 4), np.random.default_rng(0), opset=21)
    build(g)
    return g


@pytest.mark.parametrize("build, text", [
    (lambda g: g.node("QuantizeLinear", g.tip, g.const([0.5, 0.25, 1, 2]),
                      g.const([0, 1, 0, 1], np.uint8)),
     "its zero point differs from channel to channel"),
    (lambda g: g.node("QuantizeLinear", g.tip, g.const([0.5, 1])), r"does not fit|scales of shape"),
    (lambda g: g.node("QuantizeLinear", g.tip, g.const(0.0)), "its scale is not positive"),
    (lambda g: g.node("QuantizeLinear", g.tip, g.const(0.5), g.const(0, np.int32)),
     "it quantises to int32. Use integers of at most 16 bits"),
    (lambda g: g.node("QuantizeLinear", g.tip, g.const([[0.5, 0.5]]), block_size=2),
     "it scales blocks of a tensor"),
    (lambda g: g.node("DequantizeLinear", quantize(g, 0.5), g.const(0.5)),
     "it reads a tensor that does not hold integers"),
    (lambda g: g.node("DequantizeLinear", g.tip, g.const(0.5)),
     "it reads a tensor that does not hold integers"),
])  # fmt: skip
def test_refusals(build, text, tmp_path):
    g = _broken(build)
    g.node("MatMul", g.tip, stored(g, np.eye(4, dtype=int), 1.0))
    quantize(g, 1.0)
    path = g.save(tmp_path)
    with pytest.raises(UnsupportedError, match=text):
        load(path)
    assert check(path)


def test_a_stated_grid_is_not_integers(tmp_path):
    g = GraphBuilder((1, 4), np.random.default_rng(0), dtype=TensorProto.UINT8)
    g.node("DequantizeLinear", g.tip, g.const(0.5), g.const(0, np.uint8))
    g.node("MatMul", g.tip, stored(g, np.eye(4, dtype=int), 1.0))
    quantize(g, 1.0)
    with pytest.raises(UnsupportedError, match="does not hold integers"):
        load(g.save(tmp_path), input_grid=InputGrid(8, False, 0.5))


def residual(rng, *, relu=False, kind="int8") -> GraphBuilder:
    """Two tensors of unrelated scales, added and quantised."""
    g = GraphBuilder((1, 2, 4, 4), rng)
    scales = rng.uniform(0.01, 0.1, 3)
    skip = quantize(g, scales[0], int(rng.integers(-50, 50)), "int8")
    g.node("Relu")
    quantize(g, scales[1], int(rng.integers(-50, 50)), "int8")
    g.node("Add", g.tip, skip)
    if relu:
        g.node("Relu")
    quantize(g, scales[2], int(rng.integers(0, 50)), kind)
    return g


@pytest.mark.parametrize("relu, kind", [(False, "int8"), (True, "uint8")])
@pytest.mark.parametrize("seed", range(5))
def test_residual_sum_of_two_scales(seed, relu, kind, tmp_path):
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    path = residual(rng, relu=relu, kind=kind).save(tmp_path)
    network = load(path)
    assert [op.kind for op in network.ops][-2:] == ["add", "requantize"]
    x = inputs(network, rng, 60)
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))


def test_sum_of_two_scales_needs_its_quantiser(tmp_path):
    g = residual(np.random.default_rng(0))
    last = g.nodes[-2:]
    del g.nodes[-2:]
    g.node("Conv", last[0].input[0], stored(g, np.ones((2, 2, 1, 1), int), 0.5))
    with pytest.raises(UnsupportedError, match=r"Add.*no small common grid, and no"):
        load(g.save(tmp_path))


@pytest.mark.parametrize("bounds", [(-8, 7), (0, 6), (None, 3)])
def test_integers_clipped_to_fewer_bits(bounds, tmp_path):
    """Quantise, clip, dequantise, as exporters write less than eight bits."""
    rng = np.random.default_rng(6)
    g = GraphBuilder((1, 6), rng, opset=13)
    quantize(g, 0.25, 3, "int8")
    g.node("MatMul", g.tip, stored(g, rng.integers(-3, 4, (6, 4)), 0.25))
    scale, zero = g.const(0.5), g.const(1, np.int8)
    g.node("QuantizeLinear", g.tip, scale, zero)
    ends = ["" if b is None else g.const(b, np.int8) for b in bounds]
    g.node("Clip", g.tip, *ends)
    g.node("DequantizeLinear", g.tip, scale, zero)
    path = g.save(tmp_path)
    network = load(path)
    assert network.ops[0].kind == "dense" and len(network.ops) == 2
    if None not in bounds:
        tensor = network.tensors[network.output]
        assert (tensor.lo, tensor.hi) == bounds
    x = inputs(network, rng, 200)
    np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))
