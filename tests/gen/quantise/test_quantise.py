"""Integers of quantised models against an execution of the graph with quantisers."""

from __future__ import annotations

import zlib

import numpy as np
import onnx
import pytest

from quantloom.gen.errors import QuantloomError, UnsupportedError
from quantloom.gen.frontends import InputGrid
from quantloom.gen.network import Conv2d, Dense, Requantize
from quantloom.gen.network.convert import dequantize, integers_to_source, round_inputs
from quantloom.gen.quantise import Format, Formats, prepare, quantise_model
from quantloom.rtl_templates.types import BIPOLAR
from quantloom.sim import golden

from ..frontends.graphs import GraphBuilder, compute, execute
from .models import MODELS, SHAPE, float_model, inputs
from .reference import reference

MODES = {
    "channel": {}, "tensor": {"scale": "tensor"}, "power_of_two": {"power_of_two": True},
    "wrap": {"overflow": "wrap", "scale": "tensor", "power_of_two": True},
    "wrap_free": {"overflow": "wrap"}, "pruned": {"sparsity": 0.4, "channels_pruned": 0.4},
}  # fmt: skip


def seeded(name):
    seed = zlib.crc32(name.encode())
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def compare(done, rng, frames=4):
    """Every integer must be the one that the reals imply; inputs lie on the whole grid."""
    network = done.network
    tensor, end = network.input, network.source_input
    q = rng.integers(tensor.lo, tensor.hi + 1, (frames, *SHAPE[1:]))
    x = ((q - end.zero_point) * end.scale).astype(np.float32)
    integers, _ = compute(network, x)
    end = network.source_output
    reals = reference(done.model, x).astype(np.float64)
    implied = (reals - end.offset) / end.scale + end.zero_point
    assert np.abs(implied - np.rint(implied)).max() < 0.05
    np.testing.assert_array_equal(integers, np.rint(implied))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MODELS)
def test_integers(name, mode, tmp_path):
    rng = seeded(f"{name} {mode}")
    model = prepare(float_model(tmp_path, name, rng), inputs(rng, 8))
    for weights, activations in ((8, 8), (int(rng.integers(2, 6)), int(rng.integers(2, 6))),
                                 (1, int(rng.integers(1, 4)))):
        print(f"{weights} bits of weights, {activations} of results")
        done = model.quantise(Formats.uniform(weights, activations, **MODES[mode]))
        compare(done, rng)
        ops = [op for op in done.network.ops if isinstance(op, Conv2d | Dense)]
        assert all(op.weight_type.bits <= max(weights, 1 + (mode == "pruned")) for op in ops)


def test_widths_by_layer(tmp_path):
    rng = seeded("widths")
    path = float_model(tmp_path, "convolutions", rng)
    formats = Formats(Format(4, 3), {"c2": Format(1, 5), "input": Format(activations=6)})
    done = quantise_model(path, formats, inputs(rng, 8))
    compare(done, rng)
    ops = {op.name: op for op in done.network.ops}
    assert ops["c2"].weight_type == BIPOLAR and ops["c1"].weight_type.bits == 4
    assert [(layer.name, layer.weight_bits, layer.activation_bits) for layer in done.layers] == [
        ("input", None, 6), ("c1", 4, 3), ("c2", 1, 5), ("fc", 4, None)]
    again = quantise_model(path, formats, inputs(seeded("other"), 8))
    assert again.network.source_input.scale != done.network.source_input.scale


def test_the_same_twice(tmp_path):
    rng = seeded("twice")
    path, data = float_model(tmp_path, "residual", rng), inputs(rng, 6)
    for number in range(2):
        quantise_model(path, Formats.uniform(3, 3), data).save(tmp_path / f"{number}.qnet")
    assert (tmp_path / "0.qnet").read_bytes() == (tmp_path / "1.qnet").read_bytes()


@pytest.mark.parametrize("signed", [False, True])
def test_wrapping_drops_upper_bits(signed, tmp_path):
    """By hand: results of an identity far beyond those of the calibration, of 1 to 15."""
    g = GraphBuilder((1, 3), seeded("wrapping"))
    g.after("MatMul", np.eye(3), name="first")
    if not signed:
        g.node("Relu")
    g.after("MatMul", np.eye(3), name="second")
    data = np.array([[7, 3, -8]] if signed else [[15, 3, -8]], np.float32)
    done = quantise_model(g.save(tmp_path), Formats.uniform(4, 4, overflow="wrap", scale="tensor",
                                                            power_of_two=True),
                          data, input_grid=InputGrid(8, True))
    x = seeded("values").integers(-128, 128, (50, 3))
    want = (x + 8) % 16 - 8 if signed else np.maximum(x, 0) % 16
    _, reals = compute(done.network, x.astype(np.float32))
    np.testing.assert_array_equal(reals, want)
    assert any(isinstance(op, Requantize) and op.wrap for op in done.network.ops)


def test_pruning(tmp_path):
    rng = seeded("pruning")
    path = float_model(tmp_path, "convolutions", rng)
    formats = Formats(Format(4, 4), {"c1": Format(4, 4, channels_pruned=0.4),
                                     "c2": Format(4, 4, sparsity=0.5)})
    done = quantise_model(path, formats, inputs(rng, 8))
    compare(done, rng)
    ops = {op.name: op for op in done.network.ops}
    # Two of five outputs, and what the next layer made of them.
    assert ops["c1"].weights.shape[3] == 3 and ops["c2"].weights.shape[2] == 3
    layers = {layer.name: layer for layer in done.layers}
    assert layers["c1"].outputs_removed == 2 and layers["c1"].pruned == 0.4
    assert layers["c2"].zeros >= 0.3 and layers["c2"].pruned == 0.5


def test_batch_norms_are_folded(tmp_path):
    """With 8 bits everywhere the result is that of the float model, nearly."""
    rng = seeded("norms")
    for name in ("dense", "convolutions", "depthwise"):
        path, data = float_model(tmp_path, name, rng), inputs(rng, 16)
        done = quantise_model(path, Formats(), data)
        y = golden.run(done.network, round_inputs(done.network, data))[done.network.output]
        reals = dequantize(done.network, integers_to_source(done.network, y))
        expected = execute(path, data)
        assert np.abs(reals - expected).max() < 0.05 * np.abs(expected).max()
        assert not any(node.op_type == "BatchNormalization" for node in done.model.graph.node)


def refused(error, *arguments, **keywords):
    with pytest.raises(error) as caught:
        quantise_model(*arguments, **keywords)
    return str(caught.value)


def test_calibration_is_needed(tmp_path):
    path = float_model(tmp_path, "residual", seeded("needed"))
    assert refused(QuantloomError, path, Formats()) == (
        "residual: the results of input, c1, c2, sum, c3, mean need calibration data to be "
        "quantised: give some inputs of the model")


def test_no_calibration_is_needed(tmp_path):
    rng = seeded("none")
    g = GraphBuilder((1, 5), rng)
    g.after("MatMul", rng.normal(size=(5, 3)))
    done = quantise_model(g.save(tmp_path), Formats.uniform(3, 3), input_grid=InputGrid(4, True))
    assert done.layers[-1].weight_bits == 3 and done.network.input.type.bits == 4


def test_the_input_grid_that_is_given(tmp_path):
    rng = seeded("grid")
    path, grid = float_model(tmp_path, "convolutions", rng), InputGrid(6, False, 0.1, 30)
    done = quantise_model(path, Formats.uniform(4, 4), inputs(rng, 8), input_grid=grid)
    end = done.network.source_input
    assert (done.network.input.type, end.zero_point) == (grid.type, 30)
    assert end.scale == pytest.approx(0.1)
    compare(done, rng)


def test_bad_calibration(tmp_path):
    rng = seeded("bad")
    path, good = float_model(tmp_path, "dense", rng), inputs(rng, 4)
    assert "must have the shape (frames, 2, 6, 6) of the model's input, not (4, 6, 2, 6)" in \
        refused(QuantloomError, path, Formats(), good.transpose(0, 2, 1, 3))
    bad = good.copy()
    bad[2, 1, 0, 3] = np.nan
    assert "frame 2 holds nan at (1, 0, 3); remove what is not finite" in \
        refused(QuantloomError, path, Formats(), bad)
    assert "at least one frame of numbers, not 0 of float32" in \
        refused(QuantloomError, path, Formats(), good[:0])
    assert "frame of numbers, not 4 of <U" in refused(QuantloomError, path, Formats(),
                                                      good.astype(str))


def test_unknown_layers(tmp_path):
    rng = seeded("unknown")
    path = float_model(tmp_path, "residual", rng)
    assert refused(QuantloomError, path, Formats(layers={"conv7": Format()}), inputs(rng, 2)) == \
        "no layer is called 'conv7'; there are input, c1, c2, sum, c3, mean, fc"


def test_outputs_are_not_pruned(tmp_path):
    rng = seeded("outputs")
    path = float_model(tmp_path, "convolutions", rng)
    formats = Formats(layers={"fc": Format(channels_pruned=0.5)})
    assert refused(QuantloomError, path, formats, inputs(rng, 2)) == \
        "fc: its outputs are the model's, and cannot be pruned; there are c1, c2"
    done = quantise_model(path, Formats.uniform(4, 4, channels_pruned=0.5), inputs(rng, 2))
    assert done.layers[-1].outputs_removed == 0


def test_quantised_models_are_refused(tmp_path):
    g = GraphBuilder((1, 5), seeded("again"))
    g.quant(0.5, 4, name="grid")
    g.after("MatMul", np.ones((5, 3)))
    assert "grid (Quant): the model is quantised already. Give the float model" in \
        refused(UnsupportedError, g.save(tmp_path), Formats())


def test_models_that_cannot_be_quantised(tmp_path):
    g = GraphBuilder((1, 5), seeded("none"))
    g.node("Relu")
    assert refused(QuantloomError, g.save(tmp_path), Formats()).endswith(
        "no layer has constant weights: there is nothing to quantise")
    g = GraphBuilder((1, 5), seeded("nan"))
    g.after("MatMul", np.full((5, 3), np.nan))
    assert "a weight is not finite (NaN or infinity). Repair the weights" in \
        refused(UnsupportedError, g.save(tmp_path), Formats())
    g = GraphBuilder((1, 5), seeded("random"))
    source = g.tip
    noise = g.node("RandomUniform", "", shape=[1, 5])
    g.node("Add", source, noise)
    g.after("MatMul", np.ones((5, 3)))
    assert "RandomUniform that makes t0: it reads nothing that depends on the input" in \
        refused(UnsupportedError, g.save(tmp_path), Formats())
    (tmp_path / "text.onnx").write_text("no model")
    assert "not an ONNX model" in refused(QuantloomError, tmp_path / "text.onnx", Formats())
    g = GraphBuilder((1, 5), seeded("shape"))
    g.after("MatMul", np.ones((4, 3)))
    onnx.save(g.model(), tmp_path / "shape.onnx")
    assert "onnxruntime cannot run it" in \
        refused(QuantloomError, tmp_path / "shape.onnx", Formats(), np.ones((2, 5)))
