"""Functions of one quantised tensor, against onnxruntime for every integer; and of two."""

from __future__ import annotations

import math

import numpy as np
import pytest

import quantloom
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.frontends import InputGrid, load
from quantloom.sim.simulate import simulate

from .cases import Cases, seeded, weighted
from .graphs import GraphBuilder, compute, execute
from .test_qdq import quantize, stored

EVERY = np.arange(-128, 128).reshape(16, 16)

CURVES = [
    ("Abs", {}), ("Celu", {"alpha": 0.7}), ("Elu", {}), ("Elu", {"alpha": 1.7}),
    ("Elu", {"alpha": -0.5}), ("Erf", {}), ("Exp", {}), ("Gelu", {}),
    ("Gelu", {"approximate": "tanh"}), ("HardSigmoid", {"alpha": 0.15, "beta": 0.4}),
    ("HardSigmoid", {"alpha": -0.15}), ("HardSwish", {}), ("LeakyRelu", {"alpha": -0.3}),
    ("Mish", {}), ("Selu", {}), ("Sigmoid", {}), ("Softplus", {}), ("Softsign", {}),
    ("Tanh", {}), ("ThresholdedRelu", {"alpha": 0.8}), ("ThresholdedRelu", {"alpha": -0.8}),
]


def quantised(shape=(1, 16), opset=22, scale=0.05, zero=9):
    g = GraphBuilder(shape, np.random.default_rng(1), opset=opset)
    quantize(g, scale, zero, "int8")
    return g


def every_integer(network):
    end = network.source_input
    return ((EVERY - end.zero_point) * end.scale).astype(np.float32)


def same(g, tmp_path):
    path = g.save(tmp_path)
    network, x = load(path), None
    x = every_integer(network)
    found = compute(network, x)[1].astype(np.float32)
    np.testing.assert_array_equal(found, execute(path, x))
    assert len(np.unique(found)) > 1
    return network


@pytest.mark.parametrize("operator, attributes", CURVES)
@pytest.mark.parametrize("scale, zero, kind", [(0.021, -100, "int8"), (0.31, 12, "uint8"),
                                               (0.0007, 3, "int8")])
def test_every_integer(operator, attributes, scale, zero, kind, tmp_path):
    g = quantised()
    g.node(operator, **attributes)
    quantize(g, scale, zero, kind)
    same(g, tmp_path)


def test_falling_and_constant(tmp_path):
    """Tables that only fall, or say one thing, of integers that begin at 0."""
    for scale, operator, kind in ((0.01, "fall", "int8"), (1e6, "Gelu", "int8"),
                                  (1e6, "Gelu", "uint8")):
        g = GraphBuilder((1, 16), np.random.default_rng(1), opset=22)
        quantize(g, 0.05, 0, "uint8")
        if operator == "Gelu":
            g.node("Gelu")
        else:  # 1 where x is not positive, less elsewhere
            g.node("Sub", g.const(1.0), g.node("HardSwish"))
        quantize(g, scale, 7, kind)
        path = g.save(tmp_path)
        network = load(path)
        x = (np.arange(256).reshape(16, 16) * 0.05).astype(np.float32)
        np.testing.assert_array_equal(compute(network, x)[1].astype(np.float32), execute(path, x))


def written_out(g, name):
    """Functions as exporters write them where the opset has no operator."""
    x = g.tip
    if name == "silu":
        g.node("Mul", x, g.node("Sigmoid"))
    elif name == "gelu":
        g.after("Div", math.sqrt(2))
        g.node("Erf")
        g.after("Add", 1.0)
        g.node("Mul", x, g.tip)
        g.after("Mul", 0.5)
    elif name == "mish":
        g.node("Softplus")
        g.node("Mul", x, g.node("Tanh"))
    elif name == "hardswish":
        g.after("Add", 3.0)
        g.after("Clip", 0.0, 6.0)
        g.after("Div", 6.0)
        g.node("Mul", x, g.tip)
    elif name == "square":
        g.node("Mul", x, x)
    elif name == "tanhshrink":
        g.node("Sub", x, g.node("Tanh"))


@pytest.mark.parametrize("name", ["silu", "gelu", "mish", "hardswish", "square", "tanhshrink"])
def test_written_out(name, tmp_path):
    g = quantised(opset=17)
    written_out(g, name)
    quantize(g, 0.02, -90, "int8")
    same(g, tmp_path)


case = Cases()
GRID = InputGrid(4, False, 0.5)


@case((1, 2, 4, 4), GRID)
def one_slope_a_channel(g):
    """Behind a convolution: another table for each channel, one of which does not fall."""
    weighted(g, (3, 2, 3, 3), scale=np.array([0.25, 0.5, 0.125]).reshape(3, 1, 1, 1))
    g.after("PRelu", np.array([-0.5, 0.25, -1.0]).reshape(3, 1, 1))
    g.quant(0.3, 5)
    weighted(g, (2, 3, 1, 1))


@case((1, 2, 4, 4), GRID)
def to_signs(g):
    weighted(g, (3, 2, 1, 1))
    g.node("Abs")
    g.after("Sub", 0.8)
    g.node("BipolarQuant", g.tip, g.const(1.0), domain="qonnx.custom_op.general")
    weighted(g, (2, 3, 1, 1))


@case((1, 2, 4, 4), GRID)
def with_pending_norm(g):
    """Constants of either branch one a channel."""
    weighted(g, (3, 2, 3, 3))
    g.norm(3)
    x = g.tip
    g.after("Mul", np.array([0.5, 1.5, 1.0]).reshape(1, 3, 1, 1))
    g.node("Mul", x, g.node("Sigmoid"))
    g.quant(0.2, 5)


test_operator = case.test()


@pytest.mark.parametrize("seed", range(4))
def test_gates_of_any_scales(seed, tmp_path):
    """A product of two quantised tensors, here of x and its sigmoid, with a quantiser behind."""
    rng = seeded(f"gate {seed}")
    g = GraphBuilder((1, 16), rng, opset=17)
    x = quantize(g, rng.uniform(0.01, 0.1), int(rng.integers(-40, 40)), "int8")
    g.node("Sigmoid")
    quantize(g, rng.uniform(0.003, 0.005), int(rng.integers(0, 20)), "uint8")
    g.node("Mul", x, g.tip)
    quantize(g, rng.uniform(0.02, 0.05), int(rng.integers(-60, 0)), "int8")
    network = same(g, tmp_path)
    assert any(op.kind == "multiply" for op in network.ops)


def test_verilog(tmp_path):
    """A function that rises and falls, between layers."""
    rng = np.random.default_rng(2)
    g = GraphBuilder((1, 2, 6, 6), rng, opset=20)
    quantize(g, 0.05, 3, "int8")
    g.node("Conv", g.tip, stored(g, rng.integers(-9, 10, (4, 2, 3, 3)), 0.05))
    quantize(g, 0.06, 5, "int8")
    g.node("Gelu")
    quantize(g, 0.03, -100, "int8")
    g.node("Conv", g.tip, stored(g, rng.integers(-9, 10, (3, 4, 1, 1)), 0.05))
    quantize(g, 0.2, 0, "int8")
    path = g.save(tmp_path)
    network = load(path)
    design = Design(network, quantloom.fold(network, 200))
    verilog = tmp_path / "model.v"
    verilog.write_text(to_verilog(design.dataflow))
    frames = rng.integers(-128, 128, (4, *network.input.shape))
    report = simulate(design.dataflow, verilog, frames)
    assert report.ok and report.frames == 4, report.first_mismatch
