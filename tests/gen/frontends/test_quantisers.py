"""Quantisers: Quant and its modes, Trunc, MultiThreshold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quantloom.gen.frontends import InputGrid

from .cases import GRID, Cases, compare, seeded, weighted
from .graphs import GENERAL, GraphBuilder

case = Cases()


@case((1, 3, 5, 5))
def per_channel_activation_scale(g):
    weighted(g, (4, 3, 3, 3))
    g.quant(np.array([0.5, 0.25, 1.0, 0.5]).reshape(1, 4, 1, 1), 4)
    weighted(g, (2, 4, 2, 2))


@case((1, 2, 5, 5))
def bipolar_multithreshold(g):
    weighted(g, (3, 2, 3, 3), scale=1.0)
    g.after("MultiThreshold", np.array([[0.5], [-3], [7]]), domain=GENERAL, out_scale=2.0,
            out_bias=-1.0, out_dtype="BIPOLAR")
    weighted(g, (2, 3, 1, 1), bits=1)


@case((1, 2, 5, 5))
def signed_multithreshold(g):
    weighted(g, (3, 2, 3, 3), scale=1.0)
    g.after("MultiThreshold", np.sort(g.rng.normal(size=(3, 7)) * 20), domain=GENERAL,
            out_scale=0.5, out_bias=-2.0, out_dtype="INT3")
    weighted(g, (2, 3, 1, 1))


@case((1, 9))
def shared_multithreshold_with_odd_bias(g):
    weighted(g, (9, 4), op="MatMul", scale=1.0)
    g.after("MultiThreshold", np.arange(-9, 9, 3)[None], domain=GENERAL, out_scale=1.0,
            out_bias=-2.5, out_dtype="FLOAT32")


test_operator = case.test()


MODES = ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN"]


@pytest.mark.parametrize(("mode", "signed", "narrow", "zero"),
                         list(itertools.product(MODES, (0, 1), (0, 1), (0, 2))))
def test_quant_modes(mode, signed, narrow, zero, tmp_path):
    """Scale 2 on a half grid: every second real is a tie."""
    g = GraphBuilder((1, 2, 3, 3), seeded(f"{mode}{signed}{narrow}{zero}"))
    weighted(g, (4, 2, 2, 2), scale=0.5)
    g.quant(1.0, 3, signed=signed, narrow=narrow, zero=zero, mode=mode)
    compare(tmp_path, g, InputGrid(4, True, 1.0), frames=10)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("version", [1, 2])
def test_trunc(mode, version, tmp_path):
    g = GraphBuilder((1, 2, 5, 5), seeded(f"trunc{mode}{version}"), domain_version=version)
    weighted(g, (4, 2, 3, 3), scale=0.25)
    g.quant(0.25, 10)
    tail = (6.0,) if version == 1 else (4.0, 6.0)
    extra = {} if version == 1 else {"signed": 1, "narrow": 0}
    g.after("Trunc", 0.25, 0.0, 10.0, *tail, domain=GENERAL, rounding_mode=mode, **extra)
    compare(tmp_path, g, GRID)
