"""Windows without weights: pooling, means, enlargement."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends import InputGrid, load

from .cases import GRID, Cases, act, weighted
from .graphs import GraphBuilder

case = Cases()


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


@case((1, 3, 6, 7))
def average_pool_of_what_is_inside(g):
    g.node("AveragePool", kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1])
    g.quant(0.37, 4)


@case((1, 2, 6, 7), InputGrid(4, True, 0.5, 3))
def average_pool_inside_with_a_zero_point(g):
    g.node("AveragePool", kernel_shape=[2, 3], strides=[1, 2], auto_pad="SAME_UPPER")
    g.quant(0.29, 5)


@case((1, 2, 6, 8))
def average_pool_that_rounds_up(g):
    g.node("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 0, 0], ceil_mode=1)
    g.quant(0.37, 4)


@case((1, 2, 8, 8), InputGrid(4, False, 0.5, 5))
def average_pool_that_rounds_up_and_counts_pads(g):
    g.node("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1,
           count_include_pad=1)
    g.quant(0.37, 4)


@case((1, 2, 9))
def average_pool_of_a_sequence(g):
    g.node("AveragePool", kernel_shape=[4], strides=[1], pads=[2, 1])
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


@case((1, 2, 4, 3))
def resize(g):
    g.node("Resize", g.tip, "", g.const([1, 1, 3, 2]), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    weighted(g, (3, 2, 3, 3))


@case((1, 2, 4, 3))
def resize_from_the_middle_of_pixels(g):
    g.node("Resize", g.tip, "", g.const([1, 1, 3, 2]), mode="nearest",
           coordinate_transformation_mode="half_pixel", nearest_mode="round_prefer_floor")
    weighted(g, (3, 2, 3, 3))


@case((1, 2, 4, 3))
def resize_to_sizes(g):
    g.node("Resize", g.tip, "", "", g.const([1, 2, 8, 9], np.int64), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    weighted(g, (3, 2, 3, 3))


@case((1, 4, 3, 2))
def resize_before_a_quantiser_channels_last(g):
    """The factors tell where the channels are."""
    weighted(g, (4, 4, 1, 1))
    g.norm(4)
    g.node("Transpose", perm=[0, 2, 3, 1])
    g.node("Resize", g.tip, "", g.const([1, 2, 2, 1]), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    act(g)


@case((1, 4, 6, 5))
def means_channels_last(g):
    weighted(g, (3, 4, 3, 3))
    act(g)
    g.node("Transpose", perm=[0, 2, 3, 1])
    g.node("ReduceMean", axes=[1, 2], keepdims=1)
    g.quant(0.1, 6)


@case((1, 3, 4, 4))
def average_pool_of_one_pixel(g):
    g.node("AveragePool", kernel_shape=[1, 1], strides=[2, 1])
    weighted(g, (3, 3, 1, 1))


test_operator = case.test()


@pytest.mark.parametrize(("op", "attributes", "message"), [
    ("AveragePool", dict(kernel_shape=[2, 2], dilations=[2, 1]), "it is dilated. Use dilation 1"),
    ("MaxPool", dict(kernel_shape=[2, 2], auto_pad="HALF"), "auto_pad 'HALF'. Give explicit pads"),
    ("MaxPool", dict(kernel_shape=[2, 2], outputs=2), "it returns indices. Use the values alone"),
    ("ReduceMean", dict(axes=[1]), r"a mean over the axes \(1,\) of 4. Only the mean over height"),
    ("Resize", dict(mode="linear"), "mode 'linear'. Only nearest-neighbour"),
    ("Resize", dict(nearest_mode="ceil"), "its rounding does not repeat each element alike"),
    ("Resize", dict(coordinate_transformation_mode="align_corners"), "its rounding does not"),
    ("Pad", dict(pads=1 << 17), "its pads are .*131072"),
])  # fmt: skip
def test_refused(op, attributes, message, tmp_path):
    g = GraphBuilder((1, 2, 6, 6), np.random.default_rng(1))
    inputs = [g.tip]
    if op == "Resize":
        inputs += ["", g.const([1, 1, 2, 2])]
    if pads := attributes.pop("pads", 0):
        inputs.append(g.const([0, 0, 0, 0, 0, 0, pads, 0], np.int64))
    g.node(op, *inputs, name="odd", **attributes)
    weighted(g, (3, 2, 1, 1))
    with pytest.raises(UnsupportedError, match=rf"odd \({op}\): {message}"):
        load(g.save(tmp_path), input_grid=GRID)


def test_pooling_of_unquantised_inputs(tmp_path):
    g = GraphBuilder((1, 2, 6, 6), np.random.default_rng(1))
    g.node("MaxPool", kernel_shape=[2, 2], name="early")
    g.quant(0.5, 4)
    with pytest.raises(UnsupportedError, match=r"early \(MaxPool\): it stands before the first "
                       "quantiser. State the input's integer grid"):
        load(g.save(tmp_path))

