"""A float model at several widths in one sweep."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from quantloom.gen.explore.quantised import traits_of

from ...command import quantloom

SEED = 7


def layer(name, bits, weights, quantiser="saturate", scale="channel", pruned=0.0):
    return {"name": name, "weight_bits": bits, "activation_bits": 4, "quantiser": quantiser,
            "scale": scale, "weights": weights, "pruned": pruned}


def test_traits_are_means_over_weights():
    found = traits_of([layer("a", 2, 300, pruned=0.5), layer("b", 8, 100),
                       {**layer("input", None, 0), "scale": None}])
    assert found == {"quantiser": "per channel", "weight_bits": 3.5, "pruned": 0.375,
                     "activation_bits": 4.0}


@pytest.mark.parametrize(("layers", "name"), [
    ([layer("a", 4, 9, scale="tensor")], "saturate"),
    ([layer("a", 4, 9, "wrap", "tensor")], "wrap"),
    ([layer("a", 4, 9, "wrap")], "wrap, per channel"),
    ([layer("a", 4, 9, "retrained")], "retrained"),
    ([layer("a", 4, 9), layer("b", 4, 9, "wrap")], "mixed")])
def test_a_curve_has_one_name(layers, name):
    assert traits_of(layers)["quantiser"] == name


def test_calibration_without_formats(tmp_path):
    (tmp_path / "s.toml").write_text("[[model]]\nfile = 'x.onnx'\ncalibration = 'x.npy'\n")
    done = quantloom("explore", "--sweep", tmp_path / "s.toml", "-o", tmp_path / "out")
    assert done.code == 2 and "has calibration, but no weights to quantise to" in " ".join(
        done.err.split())


def test_a_version_that_quantises_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "quantloom.gen.quantise", None)
    (tmp_path / "s.toml").write_text("[[model]]\nfile = 'x.onnx'\nweights = [4, 8]\n")
    done = quantloom("explore", "--sweep", tmp_path / "s.toml", "-o", tmp_path / "out")
    assert done.code == 2 and "quantises no float models" in " ".join(done.err.split())


def test_widths_in_a_sweep(tmp_path):
    """Each version is a model of its own, and its command makes the point's design."""
    pytest.importorskip("quantloom.gen.quantise", reason="nothing quantises float models here")
    rng = np.random.default_rng(SEED)
    weights = [rng.normal(size=size).astype(np.float32) for size in ((12, 16), (16, 4))]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w0"], ["h"], name="fc0"),
         helper.make_node("Relu", ["h"], ["r"], name="relu"),
         helper.make_node("MatMul", ["r", "w1"], ["y"], name="fc1")], "mlp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 12))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [numpy_helper.from_array(w, f"w{k}") for k, w in enumerate(weights)])
    onnx.save(helper.make_model(graph, ir_version=8,
                                opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "mlp.onnx")
    x = rng.uniform(0, 1, (200, 12)).astype(np.float32)
    np.savez(tmp_path / "data.npz", images=x,
             labels=(np.maximum(x @ weights[0], 0) @ weights[1]).argmax(1))
    (tmp_path / "s.toml").write_text(
        "[[model]]\nfile = 'mlp.onnx'\nweights = [2, 8]\nscale = ['tensor', 'channel']\n"
        "calibration = 'data.npz'\n[sweep]\npart = 'xc7z010'\ncycles = 16\n"
        "[data]\nfile = 'data.npz'\n")
    out = tmp_path / "out"
    done = quantloom("explore", "--sweep", tmp_path / "s.toml", "-o", out, "--workers", "0")
    assert done.code == 0, done.err
    found = {p["model"]: p for p in json.loads((out / "explore.json").read_text())["points"]}
    assert set(found) == {f"mlp-w{bits}-{scale}-a{bits}" for bits in (2, 8)
                          for scale in ("tensor", "channel")}
    for name, point in found.items():
        assert point["weight_bits"] == int(name[5]) and point["network"] == "mlp"
        assert point["quantiser"] == ("saturate" if "tensor" in name else "per channel")
    assert found["mlp-w8-channel-a8"]["accuracy"] > found["mlp-w2-tensor-a2"]["accuracy"] > 0.25
    assert "accuracy against width" in (out / "explore.html").read_text()
    point = found["mlp-w2-channel-a2"]
    first, second = (words.split() for words in point["command"].split(" && "))
    for words in (first, second):
        where = words.index("-o") + 1
        words[where] = str(tmp_path / words[where])
    second[2] = str(tmp_path / second[2])
    assert quantloom(*first[1:]).code == 0
    done = quantloom(*second[1:], "--json")
    assert done.code == 0 and done.json["interval_cycles"] == point["interval_cycles"]
    assert done.json["estimate"]["LUT sites"] == point["lut"]
