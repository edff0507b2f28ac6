"""Elementwise operations between integers."""

from __future__ import annotations

import numpy as np

from .cases import GRID, Cases, act, compare, seeded, weighted
from .graphs import GraphBuilder

case = Cases()


@case((1, 3, 4, 4))
def norm_after_flatten(g):
    weighted(g, (2, 3, 3, 3))
    act(g)
    g.node("Flatten")
    g.norm(8)
    g.quant(0.3, 3)
    weighted(g, (8, 3), op="MatMul")


@case((1, 2, 6, 6))
def negative_gamma(g):
    weighted(g, (6, 2, 3, 3), bits=3)
    g.after("BatchNormalization", -np.ones(6), np.linspace(-1, 1, 6), np.zeros(6), np.ones(6))
    g.quant(0.25, 4)


@case((1, 2, 6, 6))
def falling_without_weights(g):
    g.after("Mul", np.array([-1.0, 2.0]).reshape(1, 2, 1, 1))
    g.quant(1.0, 4)


@case((1, 2, 4, 4))
def relu_between_integers(g):
    weighted(g, (3, 2, 1, 1), bits=2)
    g.node("Relu")
    weighted(g, (3, 3, 3, 3), bits=2)


@case((1, 2, 4, 4))
def relu_at_the_end(g):
    weighted(g, (3, 2, 1, 1), bits=2)
    g.node("Relu")


@case((1, 2, 4, 4))
def leaky_relu_eight_bits(g):
    weighted(g, (3, 2, 3, 3), bits=8)
    g.node("LeakyRelu", alpha=0.1015625)
    g.quant(0.25, 8)


@case((1, 2, 5, 5))
def activations(g):
    weighted(g, (3, 2, 1, 1), scale=0.0625)
    g.node("Sigmoid")
    g.quant(1 / 15, 4, signed=0)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.node("Tanh")
    g.quant(0.1, 4)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.node("HardSigmoid")
    g.quant(0.1, 4)
    weighted(g, (3, 3, 1, 1), scale=0.3)
    g.after("PRelu", np.array([0.1, 0.2, 0.0]).reshape(3, 1, 1))
    g.after("Clip", -0.4, 0.9)
    g.quant(0.1, 5)


@case((1, 2, 5, 5))
def eight_bit_rescaling(g):
    weighted(g, (6, 2, 3, 3), bits=8, scale=np.linspace(0.01, 0.2, 6).reshape(6, 1, 1, 1))
    g.norm(6)
    g.quant(0.013, 8)
    weighted(g, (3, 6, 1, 1), bits=8)
    g.node("Relu")
    g.quant(0.31, 8, signed=0, zero=7)


@case((1, 3, 5, 5))
def integer_requantisation(g):
    weighted(g, (4, 3, 3, 3), scale=1.0, bits=6)
    g.after("Mul", np.array([3.0, 5, 9, 2]).reshape(1, 4, 1, 1))
    g.after("Add", np.array([30.0, -5, 19, 2]).reshape(1, 4, 1, 1))
    g.after("Div", 16.0)
    g.node("Floor")
    g.after("Clip", 0.0, 255.0)
    weighted(g, (2, 4, 1, 1), scale=1.0, bits=6)


test_operator = case.test()


def test_choice_of_operations(tmp_path):
    """Identity quantisers vanish, clips stay clips, wide rescalings multiply, few steps compare."""
    g = GraphBuilder((1, 4), seeded("choice"))
    g.quant(0.5, 4, signed=0)                 # the input's own grid
    weighted(g, (4, 6), op="MatMul", scale=1.0)
    g.quant(0.5, 5)                           # the accumulator's grid, clipped
    weighted(g, (6, 6), op="MatMul", scale=1.0, bits=8)
    g.quant(1.7, 8)
    weighted(g, (6, 6), op="MatMul", scale=1.0, bits=8)
    g.quant(2.3, 4)
    network, _ = compare(tmp_path, g, GRID)
    assert [op.kind for op in network.ops] == [
        "dense", "clip", "dense", "requantize", "dense", "threshold"]


def test_negative_factors_turn_weights_around(tmp_path):
    g = GraphBuilder((1, 2, 6, 6), seeded("negative"))
    negative_gamma(g)
    network, _ = compare(tmp_path, g, GRID)
    assert network.ops[-1].descending is None
