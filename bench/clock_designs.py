"""Designs whose clocks are measured: those that the estimate is fitted to, and those it is not.

The random networks are those in which all layers do something: in many others a layer gives the
same for all images, and synthesis leaves out what computes it, and with it paths that the estimate
goes by. Of those, seeds in their order, up to 3,100 LUT sites.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.frontends import InputGrid, load
from quantloom.gen.network import (
    Conv2d,
    Dense,
    Network,
    Pad,
    Requantize,
    Tensor,
    Threshold,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim import golden
from tests.e2e.random_networks import random_folding, random_network

from . import designs

__all__ = ["FITTED", "HELD_OUT", "LARGE", "Subject"]

_IMAGES = 256


@dataclass(frozen=True, eq=False)
class Subject:
    """A design that is placed and routed.

    Parameters
    ----------
    name : str
    make : callable
        Gives the design.
    """

    name: str
    make: Callable[[], Design]

    @cached_property
    def design(self) -> Design:
        """The design."""
        return self.make()


def _idle(network: Network) -> list[str]:
    """Layers that give the same for all of some random images."""
    end = network.input
    images = np.random.default_rng(0).integers(end.lo, end.hi + 1, (_IMAGES, *end.shape))
    if end.type.bipolar:
        images = np.where(images > 0, 1, -1)
    return [name for name, values in golden.run(network, images, keep=True).items()
            if (values == values[:1]).all()]


def _random(seed: int) -> Subject:
    def make() -> Design:
        network = random_network(seed)
        if idle := _idle(network):
            raise ValueError(f"random network {seed} is none to measure: {', '.join(idle)} never "
                             "changes; take another seed")
        return Design(network, random_folding(network, seed))

    return Subject(f"random network {seed}", make)


def _model(name: str, cycles: int, *, pixels: bool = False) -> Subject:
    def make() -> Design:
        grid = InputGrid(8, scale=1 / 255) if pixels else None
        network = load(designs.shared_model(name), input_grid=grid)
        return Design(network, fold(network, cycles))

    return Subject(f"{name}, {cycles:,} cycles", make)


def _digits(cycles: int | None = None) -> Subject:
    """The demo's network, as the demo folds it if no cycles are given."""
    def make() -> Design:
        network = load(Path(str(files("quantloom.gen") / "assets" / "digits.onnx")))
        return Design(network, fold(network, cycles))

    return Subject("demo" if cycles is None else f"demo network, {cycles:,} cycles", make)


def _convolution(seed: int, operand: IntType, weight: IntType, channels: int, outputs: int,
                cycles: int, size: int = 16) -> Subject:
    """A 3x3 convolution and its activation."""
    def make() -> Design:
        rng = np.random.default_rng(seed)
        shape = (3, 3, channels, outputs)
        weights = weight.decode(rng.integers(0, 1 << weight.bits, shape))
        wide = int(4 * np.sqrt(9 * channels) * operand.hi * max(1, weight.hi) / 4)
        steps = np.sort(rng.integers(-wide, wide, (outputs, 15)), axis=1)
        network = Network("conv", Tensor.full((size, size, channels), operand), [
            Pad(name="pad", inputs=("input",), pads=(1, 1, 1, 1)),
            Conv2d(name="mac", inputs=("pad",), weight_type=weight, weights=weights),
            Threshold(name="act", inputs=("mac",), thresholds=steps, type=IntType(4), base=0)])
        return Design(network, fold(network, cycles))

    return Subject(f"convolution {channels} to {outputs}, {operand} x {weight}, {cycles:,} cycles",
                   make)


def _dense(seed: int, operand: IntType, weight: IntType, inputs: int, outputs: int, cycles: int
           ) -> Subject:
    """A dense layer, rescaled to bytes."""
    def make() -> Design:
        rng = np.random.default_rng(seed)
        weights = weight.decode(rng.integers(0, 1 << weight.bits, (inputs, outputs)))
        network = Network("dense", Tensor.full((1, 1, inputs), operand), [
            Dense(name="mac", inputs=("input",), weight_type=weight, weights=weights),
            Requantize(name="scale", inputs=("mac",), type=IntType(8, True),
                       multiplier=rng.integers(50, 200, outputs),
                       offset=rng.integers(-500, 500, outputs), shift=10)])
        return Design(network, fold(network, cycles))

    return Subject(f"dense {inputs} to {outputs}, {operand} x {weight}, {cycles:,} cycles", make)


def _chain(layers: int, channels: int, cycles: int) -> Subject:
    def make() -> Design:
        network = designs.chain(layers, channels=channels, size=12)
        return Design(network, fold(network, cycles))

    return Subject(f"{layers} equal convolutions of {channels} channels, {cycles:,} cycles", make)


U1, U2, U4, U8 = (IntType(bits) for bits in (1, 2, 4, 8))
S2, S3, S4, S8 = (IntType(bits, signed=True) for bits in (2, 3, 4, 8))

FITTED: tuple[Subject, ...] = (
    *(_random(seed) for seed in (
        69, 70, 86, 87, 91, 92, 95, 98, 99, 100, 104, 105, 108, 115, 123, 124, 125, 139, 140, 141,
        144, 149, 151, 152, 153, 154, 161, 167, 171, 173, 174)),
    _dense(1, U4, S4, 64, 16, 64), _dense(2, U8, S8, 48, 10, 96),
    _dense(3, BIPOLAR, BIPOLAR, 256, 64, 128), _dense(4, U2, BIPOLAR, 128, 32, 16),
    _convolution(1, U4, BIPOLAR, 8, 16, 1024), _convolution(2, U2, S2, 16, 16, 512),
    _convolution(3, U8, S8, 4, 8, 2304), _convolution(4, S4, S4, 8, 8, 2048),
    _convolution(5, U4, S3, 16, 32, 9216), _chain(2, 8, 1152), _chain(4, 8, 2304),
    _digits(4096), _model("tfc_w1a1", 392, pixels=True), _model("kws_mlp_w3a3", 25_088),
)
"""What the model of wires is fitted to."""

HELD_OUT: tuple[Subject, ...] = (
    *(_random(seed) for seed in (
        0, 1, 3, 6, 23, 24, 29, 31, 34, 37, 39, 41, 43, 44, 46, 47, 54, 55, 60, 63,
        # Taken only when the model of wires stood.
        175, 178, 182, 185, 190, 191, 193, 199, 201, 203, 208, 210)),
    _dense(11, U4, S3, 96, 24, 72), _dense(12, U8, S4, 64, 10, 64),
)
"""What it is judged by; nothing is fitted to them."""

LARGE: tuple[Subject, ...] = (_digits(), _model("tfc_w1a1", 112, pixels=True))
"""The same, of 8,000 to 13,000 LUT4; a placement takes minutes, so one has to do."""
