"""``inspect --check``: a model's own runtime beside the golden model."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.frontends import load
from quantloom.gen.network import Conv2d
from quantloom.sim.source import compare

from ..command import quantloom
from ..gen.frontends.cases import act, weighted
from ..gen.frontends.graphs import GraphBuilder


def onnx_model(folder, *, softmax=False, domain=None):
    g = GraphBuilder((1, 2, 6, 6), np.random.default_rng(0))
    g.quant(0.25, 4)
    weighted(g, (3, 2, 3, 3))
    act(g)
    g.node("Flatten")
    weighted(g, (48, 5), op="MatMul")
    if softmax:
        g.node("Softmax", axis=1, name="probable")
    for node in g.nodes:
        if domain is not None and node.op_type == "Quant":
            node.domain = domain
    return g.save(folder)


@pytest.mark.parametrize("domain", [None, "", "onnx.brevitas", "finn.custom_op.general"])
def test_qonnx_is_equal(domain, tmp_path):
    done = quantloom("inspect", onnx_model(tmp_path, domain=domain), "--check", 6, "--json")
    assert done.code == 0, done.err
    check = done.json["check"]
    assert check["equal"] and check["frames"] == 6 and check["elements"] == 30
    assert check["runtime"].startswith("qonnx ")


def test_a_difference_is_found(tmp_path):
    """The network of another file of the same shape."""
    path = onnx_model(tmp_path)
    network = load(path)
    op = next(op for op in network.ops if isinstance(op, Conv2d))
    op.weights.setflags(write=True)
    op.weights[0, 0, 0, 0] += 1
    rng = np.random.default_rng(1)
    frames = rng.integers(-8, 8, (5, *network.input.shape))
    found = compare(path, network, frames)
    assert not found.equal and 0 < found.different <= 25
    assert found.first.startswith("frame 0, index (")


def test_what_the_host_computes_hides_integers(tmp_path):
    done = quantloom("inspect", onnx_model(tmp_path, softmax=True), "--check")
    assert done.code == 2
    assert "softmax (probable) is left to the host and hides the integers; cut" in done.err


def test_tflite(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    from ..gen.frontends.test_tflite import classifier

    path = classifier(np.random.default_rng(2)).save(tmp_path)
    done = quantloom("inspect", path, "--check", "--seed", 3)
    assert done.code == 0, done.err
    assert "TFLite" in done.out and "equal to LiteRT" in done.out
    assert "on 8 random frames: every integer of 40" in done.out


def test_a_file_is_converted_once(tmp_path, monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    from quantloom.gen.frontends.tflite import door

    from ..gen.frontends.test_tflite import classifier

    convert, seen = door._convert, []

    def counted(path, grid):
        seen.append(path)
        return convert(path, grid)

    monkeypatch.setattr(door, "_convert", counted)
    path = classifier(np.random.default_rng(2)).save(tmp_path)
    assert quantloom("inspect", path, "--check").code == 0
    assert seen == [path]


def test_without_a_reference_kernel(tmp_path):
    """LiteRT has none for ELU: the check says so."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    from ..gen.frontends.flat import FlatBuilder

    g = FlatBuilder((1, 8), 0.1, 3)
    g.op("ELU", (g.tip,), (1, 8), 0.1, 5)
    path = g.save(tmp_path)
    assert quantloom("inspect", path).code == 0
    done = quantloom("inspect", path, "--check")
    assert done.code == 2
    assert "LiteRT's reference kernels refuse it: Didn't find op for builtin opcode" in done.err


def test_missing_runtime(tmp_path, monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    from ..gen.frontends.test_tflite import classifier

    path = classifier(np.random.default_rng(2)).save(tmp_path)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    network = load(path)
    with pytest.raises(QuantloomError, match="is not installed: run 'pip install ai-edge-litert'"):
        compare(path, network, np.zeros((1, *network.input.shape), int))
