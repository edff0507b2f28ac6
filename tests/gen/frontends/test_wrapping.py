"""Mod: integers that keep their low bits, against qonnx's execution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from quantloom.gen.errors import UnsupportedError
from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import Requantize

from .cases import Cases, compare, seeded
from .graphs import GraphBuilder

case = Cases()
GRID = InputGrid(6, True, 0.5)


def wrapped(g: GraphBuilder, scale: float, bits: int, half: int, *,
            halves_up: bool = False) -> None:
    """Rounded to multiples of a scale, of which the low bits stay: two's complement with half."""
    g.after("Div", scale)
    if halves_up:
        g.after("Add", 0.5)
    g.node("Floor" if halves_up else "Round")
    g.node("Cast", to=TensorProto.INT64)
    for op, value in (("Add", half), ("Mod", 1 << bits), ("Sub", half)):
        if value:
            g.node(op, g.tip, g.const(value, np.int64))
    g.node("Cast", to=TensorProto.FLOAT)
    g.after("Mul", scale)


@case((1, 6), GRID)
def unsigned(g):
    g.node("MatMul", g.tip, g.weights((6, 5)))
    wrapped(g, 0.5, 3, 0)


@case((1, 6), GRID)
def signed(g):
    g.node("MatMul", g.tip, g.weights((6, 5)))
    wrapped(g, 0.25, 4, 8)


@case((1, 6), GRID)
def behind_a_relu(g):
    g.node("MatMul", g.tip, g.weights((6, 5)))
    g.after("Add", g.rng.normal(size=5))
    g.node("Relu")
    wrapped(g, 0.7, 2, 0)


@case((1, 6), GRID)
def ties(g):
    """Averages that lie half between two levels, on a scale that no float holds."""
    g.node("MatMul", g.tip, g.weights((6, 5)))
    g.quant(0.142857149, 5)
    g.after("Div", 4.0)
    wrapped(g, 0.142857149, 3, 4)


@case((1, 6), GRID)
def of_another_offset(g):
    g.node("MatMul", g.tip, g.weights((6, 5)))
    g.node("Round")
    g.node("Cast", to=TensorProto.INT64)
    g.node("Add", g.tip, g.const(3, np.int64))
    g.node("Mod", g.tip, g.const(16, np.int64))
    g.node("Cast", to=TensorProto.FLOAT)


test_operator = case.test()


def test_one_operation(tmp_path: Path) -> None:
    """Where no clip counts, the rescaling wraps itself."""
    g = GraphBuilder((1, 6), seeded("one"))
    g.node("MatMul", g.tip, g.weights((6, 5), bits=8))
    wrapped(g, 0.25, 5, 16, halves_up=True)
    network, _ = compare(tmp_path, g, GRID)
    rescaled = [op for op in network.ops if isinstance(op, Requantize)]
    assert len(rescaled) == 1 and rescaled[0].wrap and len(network.ops) == 2


@pytest.mark.parametrize(("modulus", "fmod", "integers", "message"), [
    (12, 0, True, "its modulus is not one power of two from 2 to 65536"),
    (16, 1, True, "or it keeps the sign (fmod). Drop upper bits of integers alone"),
    (16, 0, False, "what it reads has a scale. Round and cast to integers before"),
])
def test_refused(modulus, fmod, integers, message, tmp_path):
    g = GraphBuilder((1, 6), seeded("refused"))
    g.node("MatMul", g.tip, g.weights((6, 5)))
    if integers:
        g.node("Round")
        g.node("Cast", to=TensorProto.INT64)
    g.node("Mod", g.tip, g.const(modulus, np.int64), fmod=fmod, name="low")
    with pytest.raises(UnsupportedError) as caught:
        load(g.save(tmp_path), input_grid=GRID)
    assert str(caught.value).startswith("low (Mod)") and message in str(caught.value)
