"""The ends of a graph: input grids, layouts, names, what closes a classifier."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from quantloom.gen.frontends import InputGrid, load

from .cases import GRID, act, seeded, weighted
from .graphs import CHANNELS_LAST, GraphBuilder, compute


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
