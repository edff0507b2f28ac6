"""Operations on several tensors: residual sums, concatenation."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends import load

from .cases import GRID, Cases, act, seeded, weighted
from .graphs import GraphBuilder

case = Cases()


@case((1, 3, 6, 6))
def residual(g):
    weighted(g, (4, 3, 1, 1))
    start = act(g, 0.5)
    weighted(g, (4, 4, 3, 3), pads=[1, 1, 1, 1])
    left = g.quant(0.375, 4)
    g.node("Add", left, start)
    act(g, 0.9)
    weighted(g, (2, 4, 6, 6))


@case((1, 3, 6, 6))
def residual_difference_with_zero_points(g):
    left = g.quant(0.5, 4, zero=3, signed=0)
    g.node("Mul", "x", g.const(2.0))
    right = g.quant(0.25, 5, zero=-2)
    g.node("Sub", left, right)
    g.quant(0.5, 4)


@case((1, 3, 6, 6))
def gated(g):
    weighted(g, (4, 3, 1, 1))
    left = act(g, 0.5)
    weighted(g, (4, 4, 1, 1))
    right = g.quant(0.25, 4, zero=2)
    g.node("Mul", left, right)
    g.quant(0.7, 6)
    weighted(g, (2, 4, 3, 3))


@case((1, 3, 6, 6))
def concat_of_two_scales(g):
    weighted(g, (2, 3, 1, 1))
    a = g.quant(0.5, 3, signed=0)
    g.tip = "x"
    weighted(g, (3, 3, 3, 3), pads=[1, 1, 1, 1])
    b = g.quant(0.25, 4)
    g.node("Concat", a, b, axis=1)
    weighted(g, (4, 5, 2, 2))
    g.norm(4)
    act(g)


@case((1, 3, 6, 6))
def concat_of_zero_points(g):
    a = g.quant(0.5, 3, signed=0, zero=2)
    g.tip = "x"
    b = g.quant(0.5, 4, zero=-1)
    g.node("Concat", a, b, "x", axis=1)
    g.node("Flatten")
    weighted(g, (324, 2), op="MatMul")


@case((1, 2, 4, 5))
def concat_of_rows(g):
    a = act(g, scale=0.5)
    g.tip = "x"
    b = weighted(g, (2, 2, 1, 1))
    b = act(g, scale=0.5)
    g.node("Resize", b, "", g.const([1, 1, 2, 1]), mode="nearest",
           coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    g.node("Concat", a, g.tip, a, axis=2)
    weighted(g, (3, 2, 3, 3))


@case((1, 2, 9))
def concat_of_sequences(g):
    a = g.tip
    g.node("Slice", a, *(g.const(v, np.int64) for v in ([2], [5], [2])))
    g.node("Concat", g.tip, a, axis=-1)
    weighted(g, (3, 2, 3))


@case((1, 2, 4, 5))
def concat_of_columns_at_the_end(g):
    a = weighted(g, (3, 2, 1, 1))
    g.tip = "x"
    b = weighted(g, (3, 2, 1, 1))
    g.node("Concat", a, b, axis=3)


test_operator = case.test()


def test_residual_of_unequal_learned_scales_is_refused(tmp_path):
    g = GraphBuilder((1, 2, 4, 4), seeded("unequal"))
    left = g.quant(0.3712871, 4)
    g.tip = "x"
    right = g.quant(0.1182719, 4)
    g.node("Add", left, right, name="join")
    with pytest.raises(UnsupportedError, match=r"join \(Add\): its operands have the scales "
                       r"0.371\d* and 0.118\d*, which have no small common grid"):
        load(g.save(tmp_path), input_grid=GRID)
