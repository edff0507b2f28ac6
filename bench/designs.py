"""The designs that are measured: single blocks, equal layers, whole networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.dataflow.graph import Dataflow
from quantloom.gen.dataflow.plan import Folding, plan
from quantloom.gen.design import Design
from quantloom.gen.network import Conv2d, Network, Op, Pad, Tensor, Threshold
from quantloom.rtl_templates.types import BIPOLAR, IntType

__all__ = ["SharedModelMissing", "chain", "folded", "neuron", "shared_model", "window"]

MODELS = "QUANTLOOM_MODELS"
"""Environment variable with the folder of third-party models."""

SIGNED_4, UNSIGNED_4 = IntType(4, signed=True), IntType(4)


class SharedModelMissing(Exception):
    """A row needs a third-party model that is not at hand."""


def shared_model(name: str) -> Path:
    """File of a third-party model.

    Raises
    ------
    SharedModelMissing
        If it is not at hand.
    """
    root = os.environ.get(MODELS)
    for suffix in ("onnx", "onnx.gz"):
        if root and (path := Path(root) / name / f"model.{suffix}").is_file():
            return path
    raise SharedModelMissing(f"{name} is not in the folder that {MODELS} names")


def _weights(shape: tuple[int, ...], weight_type: IntType, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    if weight_type.bipolar:
        return 2 * rng.integers(0, 2, shape) - 1
    return rng.integers(-weight_type.hi, weight_type.hi + 1, shape)


def _one_layer(name: str, x: Tensor, op: Op, wanted: Folding) -> Dataflow:
    """The dataflow of one operation, folded as wanted in the cheapest way."""
    network = Network(name, x, [op])
    layout = plan(op, network)
    fitting = [f for f in layout.foldings()
               if all(f.get(key) == value for key, value in wanted.items())]
    if not fitting:
        raise ValueError(f"{name}: no folding has {wanted}")
    folding = min(fitting, key=lambda f: layout.resources(f).lut)
    return Design(network, {"input": {"lanes": x.shape[2]}, op.name: folding}).dataflow


def neuron(operand_type: IntType, weight_type: IntType, *, slots: int = 8, pe: int = 32,
           simd: int = 32, dsp_rows: int = 0, **arithmetic: Any) -> Dataflow:
    """A 1x1 convolution whose block ``mac_neuron`` has ``pe * simd`` lanes.

    Its neurons take ``slots * simd`` operands each, in as many time slots.
    """
    wanted = {"pe": pe, "simd": simd, "positions": 1, "dsp_rows": dsp_rows, **arithmetic}
    channels = slots * simd
    x = Tensor.full((8, 8, channels), operand_type)
    op = Conv2d(name="mac", inputs=("input",), weight_type=weight_type,
                weights=_weights((1, 1, channels, pe), weight_type, 1))
    return _one_layer("block", x, op, wanted)


def window(channels: int = 32, width: int = 54) -> Dataflow:
    """A 3x3 convolution whose block ``mac_window`` brings a window of a channel slice a beat."""
    x = Tensor.full((width, width, channels), UNSIGNED_4)
    op = Conv2d(name="mac", inputs=("input",), weight_type=BIPOLAR,
                weights=_weights((3, 3, channels, 8), BIPOLAR, 2))
    return _one_layer("block", x, op, {"pe": 8, "simd": 9 * channels, "positions": 1})


def chain(layers: int, *, channels: int = 16, size: int = 16) -> Network:
    """Equal binary 3x3 convolutions with 4-bit activations, one after another."""
    ops: list[Op] = []
    tip = "input"
    for k in range(layers):
        ops.append(Pad(name=f"layer{k}_pad", inputs=(tip,), pads=(1, 1, 1, 1)))
        ops.append(Conv2d(name=f"layer{k}", inputs=(f"layer{k}_pad",), weight_type=BIPOLAR,
                          weights=_weights((3, 3, channels, channels), BIPOLAR, k)))
        steps = np.tile(np.arange(-105, 105, 14), (channels, 1))
        ops.append(Threshold(name=f"layer{k}_act", inputs=(f"layer{k}",), thresholds=steps,
                             type=UNSIGNED_4, base=0))
        tip = ops[-1].name
    return Network(f"chain{layers}", Tensor.full((size, size, channels), UNSIGNED_4), ops)


def folded(network: Network, cycles: int) -> dict[str, Folding]:
    """Foldings of a network at a frame interval."""
    return fold(network, cycles)
