"""Windows without weights: pooling, means, enlargement."""

from __future__ import annotations

from quantloom.gen.frontends import InputGrid

from .cases import Cases, act, weighted

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


test_operator = case.test()
