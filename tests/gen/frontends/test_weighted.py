"""Products with weights: convolutions, matrix products."""

from __future__ import annotations

import numpy as np

from quantloom.gen.frontends import InputGrid

from .cases import Cases, act, weighted
from .graphs import GENERAL

case = Cases()


@case((1, 3, 6, 7))
def conv_plain(g):
    weighted(g, (5, 3, 3, 3))
    g.norm(5)
    act(g)


@case((1, 4, 7, 7))
def conv_groups(g):
    weighted(g, (6, 2, 3, 3), group=2)
    g.norm(6)
    act(g)


@case((1, 4, 7, 6))
def conv_depthwise(g):
    weighted(g, (8, 1, 3, 3), group=4, strides=[2, 1], pads=[1, 1, 1, 1])
    g.norm(8)
    act(g)


@case((1, 2, 9, 8))
def conv_dilated_asymmetric(g):
    weighted(g, (3, 2, 3, 2), dilations=[2, 3], pads=[1, 0, 2, 3], strides=[2, 2])
    act(g)


@case((1, 3, 12))
def conv_1d(g):
    weighted(g, (4, 3, 5), strides=[2], pads=[2, 1])
    g.norm(4)
    act(g)
    weighted(g, (2, 4, 3), dilations=[2])


@case((1, 2, 8, 9))
def conv_same_upper(g):
    weighted(g, (3, 2, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2])
    act(g)


@case((1, 2, 8, 9))
def conv_same_lower(g):
    weighted(g, (3, 2, 4, 3), auto_pad="SAME_LOWER", strides=[2, 2])
    act(g)


@case((1, 2, 5, 5))
def conv_per_channel_scales_and_float_bias(g):
    weighted(g, (3, 2, 3, 3), scale=np.array([0.3, 0.11, 0.57]).reshape(3, 1, 1, 1),
             bias=[0.123, -1.7, 0.77])
    act(g, 0.31)


@case((1, 2, 5, 5))
def conv_integer_bias(g):
    weighted(g, (3, 2, 3, 3), scale=0.25, bias=[0.125, -1.75, 3.0])


@case((1, 3, 6, 6), InputGrid(4, False, 0.5, 5))
def conv_zero_point_padded(g):
    weighted(g, (4, 3, 3, 3), pads=[1, 1, 1, 1])
    act(g)


@case((1, 3, 5, 5), InputGrid(1, True, 1.0))
def conv_bipolar_padded(g):
    weighted(g, (4, 3, 3, 3), bits=1, pads=[1, 1, 1, 1])
    g.norm(4)
    g.node("BipolarQuant", g.tip, g.const(0.5), domain=GENERAL)
    weighted(g, (2, 4, 5, 5), bits=1)


@case((1, 12))
def matmul_norm(g):
    weighted(g, (12, 9), op="MatMul", scale=0.2)
    g.norm(9)
    act(g)
    weighted(g, (9, 4), op="MatMul", bits=2)
    g.after("Mul", 0.37)
    g.after("Add", [0.5, -1.25, 3.0, 0.0])


@case((1, 12))
def gemm_transposed_with_bias(g):
    tip = g.tip
    w = g.weights((7, 12), 0.25)
    g.node("Gemm", tip, w, g.const(g.rng.normal(size=7)), transB=1)
    act(g)
    tip = g.tip
    w = g.weights((7, 3), 0.5)
    g.node("Gemm", tip, w, g.const([0.35, 1.05, -0.7]), alpha=2.0)


@case((1, 5, 6))
def matmul_at_each_position(g):
    weighted(g, (6, 4), op="MatMul")
    g.after("Add", g.rng.normal(size=4))
    act(g)


@case((1, 3, 4, 5))
def flatten_into_matmul(g):
    weighted(g, (4, 3, 3, 3))
    act(g)
    g.node("Flatten")
    weighted(g, (24, 5), op="MatMul")


@case((1, 3, 4, 5))
def transpose_reshape_into_matmul(g):
    weighted(g, (4, 3, 3, 3))
    act(g)
    g.node("Transpose", perm=[0, 3, 1, 2])
    g.node("Reshape", g.tip, g.const([1, -1], np.int64))
    weighted(g, (24, 5), op="MatMul")


test_operator = case.test()
