"""Operations that select or reorder elements, and what reads their results."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from quantloom.gen.errors import QuantloomError, UnsupportedError
from quantloom.gen.frontends import InputGrid, load

from .cases import GRID, Cases, act, weighted
from .graphs import GraphBuilder

case = Cases()


@case((1, 6, 5, 4))
def slices_of_channels(g):
    start = weighted(g, (6, 6, 1, 1))
    start = act(g)
    g.node("Slice", start, *(g.const(v, np.int64) for v in ([1], [5], [1], [2])))
    left = weighted(g, (3, 2, 3, 3))
    g.tip = g.node("Slice", start, *(g.const(v, np.int64) for v in ([-1], [-9], [1], [-1])))
    right = weighted(g, (3, 6, 3, 3))
    g.node("Add", left, right)


@case((1, 6, 5, 4))
def split_and_shuffled(g):
    weighted(g, (6, 6, 1, 1))
    act(g)
    g.node("Split", g.tip, g.const([2, 3, 1], np.int64), outputs=3, axis=1)
    first, second, third = (f"{g.tip}{end}" for end in ("", "_1", "_2"))
    g.node("MaxPool", second, kernel_shape=[2, 2])
    a = weighted(g, (2, 3, 1, 1))
    g.tip = first
    weighted(g, (2, 2, 2, 2))
    g.node("Add", g.tip, a)
    b = act(g)
    g.node("AveragePool", third, kernel_shape=[2, 2])
    weighted(g, (2, 1, 1, 1))
    g.node("Add", b, act(g))


@case((1, 6, 4, 4))
def channel_shuffle(g):
    """As ShuffleNet does: groups and their members change places."""
    weighted(g, (6, 2, 1, 1), group=3)
    act(g)
    for shape, perm in (([1, 3, 2, 4, 4], [0, 2, 1, 3, 4]), ([1, 6, 4, 4], None)):
        g.node("Reshape", g.tip, g.const(shape, np.int64))
        if perm:
            g.node("Transpose", perm=perm)
    weighted(g, (4, 6, 3, 3))
    g.norm(4)
    act(g)


@case((1, 5, 3, 3))
def gathered_channels(g):
    g.node("Gather", g.tip, g.const([4, 0, 0, 2], np.int64), axis=1)
    weighted(g, (3, 4, 2, 2))
    act(g)
    g.node("Flatten")
    g.node("Gather", g.tip, g.const([11, 3, 5], np.int64), axis=1)
    weighted(g, (3, 4), op="MatMul")


@case((1, 4, 3, 3))
def selected_before_means(g):
    weighted(g, (4, 4, 1, 1))
    act(g)
    g.node("Gather", g.tip, g.const([3, 1], np.int64), axis=1)
    g.node("Resize", g.tip, "", g.const([1, 1, 2, 2]), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    g.node("ReduceMean", axes=[2, 3], keepdims=0)
    weighted(g, (2, 3), op="MatMul")


@case((1, 3, 4, 5))
def depth_to_space_column_first(g):
    weighted(g, (8, 3, 3, 3), scale=np.linspace(0.1, 0.4, 8).reshape(8, 1, 1, 1),
             bias=np.linspace(-1, 1, 8))
    g.node("DepthToSpace", blocksize=2, mode="CRD")
    act(g)


@case((1, 3, 4, 5))
def depth_to_space_depth_first(g):
    weighted(g, (8, 3, 3, 3))
    g.node("DepthToSpace", blocksize=2)
    g.norm(2)
    act(g)


@case((1, 2, 4, 6))
def space_to_depth_of_sums(g):
    weighted(g, (3, 2, 1, 1))
    g.node("SpaceToDepth", blocksize=2)
    g.quant(0.5, 5)


test_operator = case.test()


@pytest.mark.parametrize("op, inputs, attributes, text", [
    ("Slice", ([5], [1], [1]), {}, "cannot be rearranged so .nothing is left"),
    ("Split", ([2, 2],), {"axis": 1}, r"cannot be rearranged so .parts of \[2, 2\]"),
    ("DepthToSpace", (), {"blocksize": 4}, "cannot be rearranged so"),
    ("DepthToSpace", (), {"blocksize": 0}, "cannot be rearranged so"),
    ("DepthToSpace", (), {"blocksize": 2, "mode": "XYZ"}, "mode 'XYZ'. Use DCR or CRD"),
    ("Gather", ([9],), {"axis": 1}, "cannot be rearranged so"),
])  # fmt: skip
def test_malformed(op, inputs, attributes, text, tmp_path):
    g = GraphBuilder((1, 3, 4, 4), np.random.default_rng(0))
    weighted(g, (3, 3, 1, 1))
    act(g)
    g.node(op, g.tip, *(g.const(v, np.int64) for v in inputs), **attributes)
    weighted(g, (3, 3, 1, 1))
    with pytest.raises(UnsupportedError, match=text):
        load(g.save(tmp_path), input_grid=GRID)


def test_what_would_reorder_the_stream_is_refused(tmp_path):
    for op, attributes in (("DepthToSpace", {"blocksize": 2}), ("SpaceToDepth", {"blocksize": 2}),
                           ("Transpose", {"perm": [0, 1, 3, 2]})):
        g = GraphBuilder((1, 4, 4, 4), np.random.default_rng(0))
        weighted(g, (4, 4, 1, 1))
        act(g)
        g.node(op, **attributes)
        channels = {"DepthToSpace": 1, "SpaceToDepth": 16}.get(op, 4)
        weighted(g, (3, channels, 1, 1), name="behind")
        with pytest.raises(UnsupportedError, match=r"behind \(Conv\): .* would reorder the stream"):
            load(g.save(tmp_path), input_grid=GRID)


def heads(g: GraphBuilder, tmp_path, *outputs: str):
    model = g.model(outputs[0])
    for name in outputs[1:]:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    path = tmp_path / "heads.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_heads_on_one_tensor(tmp_path):
    """The hardware gives the tensor; what each output makes of it is left to the host."""
    g = GraphBuilder((1, 6), np.random.default_rng(0))
    whole = weighted(g, (6, 4), op="MatMul")
    angle = g.node("Gather", whole, g.const([0], np.int64), axis=1)
    g.node("Slice", whole, *(g.const(v, np.int64) for v in ([1], [4], [1])))
    g.node("Sigmoid", name="likely")
    network = load(heads(g, tmp_path, angle, g.tip), input_grid=GRID)
    assert network.host == (f"output {angle}: element 0 of dense0",
                            f"output {g.tip}: elements 1 to 3 of dense0, likely (Sigmoid)")
    assert network.source_output.shape == (1, 1, 4)


def test_heads_on_two_tensors_are_refused(tmp_path):
    g = GraphBuilder((1, 6), np.random.default_rng(0))
    a = weighted(g, (6, 4), op="MatMul")
    g.tip = "x"
    b = weighted(g, (6, 3), op="MatMul")
    with pytest.raises(UnsupportedError, match=f"{b}: it is another tensor than {a}: hardware has "
                       "one output"):
        load(heads(g, tmp_path, a, b), input_grid=GRID)


def test_part_of_a_tensor_as_output(tmp_path):
    g = GraphBuilder((1, 6), np.random.default_rng(0))
    weighted(g, (6, 4), op="MatMul")
    g.node("Gather", g.tip, g.const([0], np.int64), axis=1)
    with pytest.raises(QuantloomError, match="the output is part of a tensor"):
        load(g.save(tmp_path), input_grid=InputGrid(4))
