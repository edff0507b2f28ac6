"""Cases of operators: small graphs, each compared with qonnx's own execution of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import Network

from .graphs import GraphBuilder, compute, execute

GRID = InputGrid(4, False, 0.5)

Build = Callable[[GraphBuilder], Any]


class Cases:
    """Decorator that registers graphs over inputs of a shape, batch included."""

    def __init__(self) -> None:
        self.cases: list[tuple[Build, tuple[int, ...], InputGrid]] = []

    def __call__(self, shape: tuple[int, ...], grid: InputGrid = GRID) -> Callable[[Build], Build]:
        def register(build: Build) -> Build:
            self.cases.append((build, shape, grid))
            return build

        return register

    def test(self) -> Callable[..., None]:
        """A test function over all of them; call it after the last."""

        @pytest.mark.parametrize(("build", "shape", "grid"), self.cases,
                                 ids=[build.__name__ for build, *_ in self.cases])
        def test_operator(build: Build, shape: tuple[int, ...], grid: InputGrid,
                          tmp_path: Path) -> None:
            g = GraphBuilder(shape, seeded(build.__name__))
            build(g)
            compare(tmp_path, g, grid)

        return test_operator


def seeded(name: str) -> np.random.Generator:
    seed = zlib.crc32(name.encode())
    print(f"seed {seed}")
    return np.random.default_rng(seed)


def compare(tmp_path: Path, g: GraphBuilder, grid: InputGrid, frames: int = 6,
            ) -> tuple[Network, np.ndarray]:
    """Load, compute, execute; every integer must be the one that qonnx's reals imply."""
    path = g.save(tmp_path)
    network = load(path, input_grid=grid)
    if grid.type.bipolar:
        q = g.rng.choice([-1, 1], (frames, *g.shape[1:]))
    else:
        q = g.rng.integers(grid.type.lo, grid.type.hi + 1, (frames, *g.shape[1:]))
    x = ((q - grid.zero_point) * float(grid.scale)).astype(np.float32)
    integers, reals = compute(network, x)
    expected = execute(path, x)
    assert reals.shape == expected.shape
    end = network.source_output
    implied = (expected.astype(np.float64) - end.offset) / end.scale + end.zero_point
    assert np.abs(implied - np.rint(implied)).max() < 1e-2
    np.testing.assert_array_equal(integers, np.rint(implied))
    return network, integers


def weighted(g: GraphBuilder, shape, op="Conv", scale=0.25, bits=4, bias=None, domain="",
             name="", **attributes):
    tip = g.tip
    inputs = [tip, g.weights(shape, scale, bits)]
    if bias is not None:
        inputs.append(g.const(bias))
    return g.node(op, *inputs, domain=domain, name=name, **attributes)


def act(g: GraphBuilder, scale=0.7, bits=4):
    g.node("Relu")
    return g.quant(scale, bits, signed=0)
