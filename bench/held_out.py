"""Designs on which estimates are tested; nothing is ever fitted on them.

Third-party models at several foldings, the demo network, the wafer network, and random networks
over all operations. What the fit is made of is in :mod:`.characterise`; both keep to this split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import Network
from tests.e2e.random_networks import random_folding, random_network

from .designs import shared_model
from .generated import wafer_model

__all__ = ["HELD_OUT_SEEDS", "held_out"]

HELD_OUT_SEEDS = range(200, 212)
"""Random networks that no fit has seen."""

_PIXELS = InputGrid(8, scale=Fraction(1, 255))

# Model, cycles a frame, grid of the input where the file does not say it, part that it is for.
_MODELS: tuple[tuple[str, int, InputGrid | None, str | None], ...] = (
    ("tfc_w1a1", 784, _PIXELS, None), ("tfc_w1a1", 112, _PIXELS, None),
    ("tfc_w2a2", 1_568, _PIXELS, None), ("tfc_w2a2", 196, _PIXELS, None),
    ("kws_mlp_w3a3", 8_192, None, None),
    ("bnnpynq_cnvw1a1_cifar10", 262_144, None, None),
    ("bnnpynq_cnvw1a1_cifar10", 32_768, None, "XC7Z020"),
)


def held_out() -> Iterator[tuple[str, Callable[[], Design]]]:
    """Name of each design, and what makes it.

    A design of a third-party model raises :class:`.designs.SharedModelMissing` where the model is
    not at hand.
    """
    for seed in HELD_OUT_SEEDS:
        yield f"random network {seed}", lambda seed=seed: _random(seed)
    digits = Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))
    for cycles in (2_304, 257):
        yield f"digits at {cycles:,} cycles", lambda cycles=cycles: _folded(load(digits), cycles)
    for model, cycles, grid, part in _MODELS:
        yield f"{model} at {cycles:,} cycles", (
            lambda model=model, cycles=cycles, grid=grid, part=part: _folded(
                load(shared_model(model), input_grid=grid), cycles, part))
    yield "wafer at 50,176 cycles", lambda: _folded(load(wafer_model()), 50_176, "XC7Z010")


def _random(seed: int) -> Design:
    network = random_network(seed)
    return Design(network, random_folding(network, seed))


def _folded(network: Network, cycles: int, part: str | None = None) -> Design:
    return Design(network, fold(network, cycles, part=part))
