"""Operations that select or reorder elements, and what reads their results."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from quantloom.gen.errors import QuantloomError, UnsupportedError
from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import Conv2d, Crop, DepthToSpace

from .cases import GRID, Cases, act, compare, weighted
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


@case((1, 3, 4, 5))
def layers_behind_depth_to_space(g):
    weighted(g, (8, 3, 3, 3), scale=np.linspace(0.1, 0.4, 8).reshape(8, 1, 1, 1))
    g.node("DepthToSpace", blocksize=2, mode="CRD")
    act(g)
    weighted(g, (3, 2, 3, 3), pads=[1, 1, 1, 1])


@case((1, 8, 3, 4))
def depth_to_space_of_an_input(g):
    g.node("DepthToSpace", blocksize=2)
    weighted(g, (3, 2, 2, 2))


@case((1, 16, 2, 3))
def twice_depth_to_space(g):
    g.node("DepthToSpace", blocksize=2)
    g.node("DepthToSpace", blocksize=2, mode="CRD")
    weighted(g, (3, 1, 3, 3))


@case((1, 3, 4, 6))
def space_to_depth_and_back(g):
    g.node("SpaceToDepth", blocksize=2)
    weighted(g, (8, 12, 1, 1))
    act(g)
    g.node("DepthToSpace", blocksize=2)
    g.node("AveragePool", kernel_shape=[2, 2])
    weighted(g, (3, 2, 1, 1))


@case((1, 4, 4, 6))
def pixel_unshuffle_of_scales(g):
    """As PyTorch exports it, of channels with scales of their own."""
    weighted(g, (3, 4, 1, 1), scale=np.array([0.25, 0.5, 0.125]).reshape(3, 1, 1, 1))
    for shape, perm in (([1, 3, 2, 2, 3, 2], [0, 1, 3, 5, 2, 4]), ([1, 12, 2, 3], None)):
        g.node("Reshape", g.tip, g.const(shape, np.int64))
        if perm:
            g.node("Transpose", perm=perm)
    weighted(g, (4, 12, 1, 1))


@case((1, 4, 3, 4))
def pixel_shuffle_meets_a_skip(g):
    """As PyTorch exports it, in front of a sum, a concatenation and a crop."""
    skip = g.node("Resize", "x", "", g.const([1, 1, 2, 2]), mode="nearest",
                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    weighted(g, (4, 4, 1, 1))
    skip = act(g, scale=0.5)
    g.tip = "x"
    weighted(g, (16, 4, 1, 1))
    shuffled = act(g, scale=0.5)
    for shape, perm in (([1, 4, 2, 2, 3, 4], [0, 1, 4, 2, 5, 3]), ([1, 4, 6, 8], None)):
        shuffled = g.node("Reshape", g.tip, g.const(shape, np.int64))
        if perm:
            g.node("Transpose", perm=perm)
    total = g.node("Add", shuffled, skip)
    g.node("Concat", total, shuffled, axis=1)
    slice_of(g, [1, 0], [6, 7], [2, 3])
    weighted(g, (3, 8, 2, 2))


@case((1, 2, 4, 6))
def space_to_depth_of_sums(g):
    weighted(g, (3, 2, 1, 1))
    g.node("SpaceToDepth", blocksize=2)
    g.quant(0.5, 5)


def slice_of(g, starts, ends, axes, steps=None, source=""):
    numbers = (starts, ends, axes) + ((steps,) if steps else ())
    return g.node("Slice", source or g.tip, *(g.const(v, np.int64) for v in numbers))


@case((1, 3, 6, 7))
def crops_of_an_input(g):
    slice_of(g, [1, -5], [-1, 1 << 31], [2, -1])
    weighted(g, (3, 3, 3, 3))


@case((1, 3, 6, 7))
def crops_before_the_quantiser(g):
    """With pending steps of one constant a channel, and more of them behind the crop."""
    weighted(g, (4, 3, 1, 1), scale=np.linspace(0.1, 0.4, 4).reshape(4, 1, 1, 1))
    g.norm(4)
    slice_of(g, [2, 1], [6, 6], [2, 3])
    g.norm(4)
    act(g)
    weighted(g, (2, 4, 3, 3), pads=[1, 1, 1, 1])


@case((1, 4, 5, 6))
def crops_of_rows_columns_and_channels(g):
    slice_of(g, [1, 2, 1], [3, 5, 6], [1, 2, 3])
    weighted(g, (3, 2, 2, 2))
    act(g)


@case((1, 4, 5, 6))
def crops_that_meet(g):
    """A sum and a concatenation of parts of one tensor, which differ in rows and channels."""
    start = weighted(g, (4, 4, 1, 1))
    start = act(g)
    a = slice_of(g, [0, 1], [2, 4], [1, 2])
    b = slice_of(g, [2, 2], [4, 5], [1, 2], source=start)
    c = g.node("Add", a, b)
    g.node("Concat", c, slice_of(g, [1, 1], [2, 4], [1, 2], source=start), axis=1)
    weighted(g, (2, 3, 3, 3))


@case((1, 2, 5, 6))
def crop_at_the_end(g):
    weighted(g, (3, 2, 3, 3), pads=[1, 1, 1, 1])
    g.node("Slice", g.tip, g.const([1], np.int64), g.const([4], np.int64), g.const([2], np.int64))
    g.norm(3)
    act(g)


@case((1, 2, 7, 8))
def every_second_pixel(g):
    """As the first layer of some detectors takes four of them apart."""
    start = g.tip
    parts = []
    for y, x in ((0, 0), (1, 0), (0, 1), (1, 1)):
        parts.append(slice_of(g, [y, x], [6, 8], [2, 3], [2, 2], source=start))
    g.node("Concat", *parts, axis=1)
    weighted(g, (3, 8, 2, 2))


@case((1, 2, 8, 7))
def every_third_row_of_a_crop(g):
    weighted(g, (3, 2, 1, 1))
    act(g)
    slice_of(g, [1, 2], [8, 6], [2, 3], [3, 1])
    weighted(g, (2, 3, 2, 2))


@case((1, 2, 7, 5))
def split_rows(g):
    weighted(g, (3, 2, 1, 1))
    act(g)
    g.node("Split", g.tip, g.const([3, 1, 3], np.int64), outputs=3, axis=2)
    g.node("Add", g.tip, f"{g.tip}_2")
    weighted(g, (2, 3, 2, 2))


@case((1, 2, 6, 5))
def dense_behind_a_crop(g):
    slice_of(g, [1, 1], [5, 4], [2, 3])
    g.node("Flatten")
    weighted(g, (24, 3), op="MatMul")


@case((1, 3, 12), GRID)
def crop_of_a_sequence(g):
    slice_of(g, [2], [-3], [2])
    weighted(g, (4, 3, 3))


@case((1, 2, 6, 5), InputGrid(4, False, 0.5, 3))
def pads_with_zero_points(g):
    g.node("Pad", g.tip, g.const([0, 0, 1, 2, 0, 0, 0, 1], np.int64))
    weighted(g, (3, 2, 3, 3))
    act(g)


@case((1, 2, 6, 5))
def pads_that_crop(g):
    weighted(g, (2, 2, 1, 1))
    act(g, scale=0.5)
    g.node("Pad", g.tip, g.const([0, 0, -1, 2, 0, 0, 1, -1], np.int64), g.const(1.5))
    weighted(g, (3, 2, 3, 3))


@case((1, 2, 6, 5))
def pads_that_only_crop(g):
    g.node("Pad", g.tip, g.const([0, 0, -1, -2, 0, 0, 0, 0], np.int64))
    weighted(g, (3, 2, 3, 3))


test_operator = case.test()


def test_slice_with_attributes(tmp_path):
    """As version 1 of the operator has them."""
    g = GraphBuilder((1, 2, 6, 5), np.random.default_rng(0), opset=9)
    g.node("Slice", axes=[2, 3], starts=[1, -4], ends=[9, -1])
    weighted(g, (3, 2, 2, 2))
    network, _ = compare(tmp_path, g, GRID)
    assert [type(op) for op in network.ops] == [Crop, Conv2d]
    assert network.ops[0].start == (1, 1, 0) and network.ops[0].size == (5, 3, 2)


def test_the_end_of_a_network_moves_for_free(tmp_path):
    for ends in (True, False):
        g = GraphBuilder((1, 2, 3, 4), np.random.default_rng(0))
        weighted(g, (8, 2, 3, 3))
        act(g)
        g.node("DepthToSpace", blocksize=2)
        if not ends:
            weighted(g, (3, 2, 1, 1))
        network, _ = compare(tmp_path, g, GRID)
        assert any(isinstance(op, DepthToSpace) for op in network.ops) is not ends


def test_one_crop_for_all_readers(tmp_path):
    g = GraphBuilder((1, 2, 6, 5), np.random.default_rng(0))
    part = slice_of(g, [1], [4], [2])
    a = weighted(g, (3, 2, 3, 3), pads=[1, 1, 1, 1])
    g.tip = part
    b = weighted(g, (3, 2, 1, 1))
    g.node("Add", a, b)
    network, _ = compare(tmp_path, g, GRID)
    assert sum(isinstance(op, Crop) for op in network.ops) == 1


@pytest.mark.parametrize("op, inputs, attributes, text", [
    ("Slice", ([5], [1], [1]), {}, "cannot be rearranged so .nothing is left"),
    ("Split", ([2, 2],), {"axis": 1}, r"cannot be rearranged so .parts of \[2, 2\]"),
    ("DepthToSpace", (), {"blocksize": 4}, "cannot be rearranged so"),
    ("DepthToSpace", (), {"blocksize": 0}, "cannot be rearranged so"),
    ("DepthToSpace", (), {"blocksize": 2, "mode": "XYZ"}, "mode 'XYZ'. Use DCR or CRD"),
    ("Gather", ([9],), {"axis": 1}, "cannot be rearranged so"),
    ("Pad", ([0, 0, 1, 1] * 2,), {"mode": "reflect"}, "mode 'reflect'. Only constant padding"),
    ("Pad", ([0, 1, 1, 1] * 2,), {}, "Only height and width can be padded"),
    ("Pad", ([0, 0, -2, 1] * 2,), {}, "nothing is left"),
    ("Pad", ([0, 0, 1] * 2,), {}, r"its pads are \[0, 0, 1, 0, 0, 1\]. Repair"),
])  # fmt: skip
def test_malformed(op, inputs, attributes, text, tmp_path):
    g = GraphBuilder((1, 3, 4, 4), np.random.default_rng(0))
    weighted(g, (3, 3, 1, 1))
    act(g)
    g.node(op, g.tip, *(g.const(v, np.int64) for v in inputs), **attributes)
    weighted(g, (3, 3, 1, 1))
    with pytest.raises(UnsupportedError, match=text):
        load(g.save(tmp_path), input_grid=GRID)


def test_padding_beside_the_grid(tmp_path):
    g = GraphBuilder((1, 3, 4, 4), np.random.default_rng(0))
    g.node("Pad", g.tip, g.const([0, 0, 1, 1] * 2, np.int64), g.const(0.3))
    weighted(g, (3, 3, 1, 1))
    with pytest.raises(UnsupportedError, match=r"its value 0\.3 is not on the grid of the tensor"):
        load(g.save(tmp_path), input_grid=GRID)


def test_what_would_reorder_the_stream_is_refused(tmp_path):
    g = GraphBuilder((1, 4, 4, 4), np.random.default_rng(0))
    weighted(g, (4, 4, 1, 1))
    act(g)
    g.node("Transpose", perm=[0, 1, 3, 2])
    weighted(g, (3, 4, 1, 1), name="behind")
    with pytest.raises(UnsupportedError, match=r"behind \(Conv\): .* would reorder the stream"):
        load(g.save(tmp_path), input_grid=GRID)


def test_channels_of_two_scales_do_not_become_pixels(tmp_path):
    g = GraphBuilder((1, 4, 4, 4), np.random.default_rng(0))
    weighted(g, (4, 4, 1, 1), scale=np.linspace(0.1, 0.4, 4).reshape(4, 1, 1, 1))
    g.node("DepthToSpace", blocksize=2)
    g.node("MaxPool", kernel_shape=[2, 2], name="behind")
    act(g)
    with pytest.raises(UnsupportedError, match=r"behind \(MaxPool\): the channels before it become "
                                               "positions. Quantise with one scale"):
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
