"""Small networks to compile."""

from __future__ import annotations

import numpy as np

from quantloom.gen.network import (
    Add,
    Conv2d,
    Dense,
    MaxPool,
    Network,
    Pad,
    Tensor,
    Threshold,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType

__all__ = ["tiny_network"]


def tiny_network(seed: int = 0) -> Network:
    """Convolution, a skip connection around another one, pooling, dense; 6 x 6 x 3 inputs."""
    rng = np.random.default_rng(seed)

    def conv(name: str, source: str, kernel: int, inputs: int) -> Conv2d:
        weights = BIPOLAR.decode(rng.integers(0, 2, (kernel, kernel, inputs, 4)))
        return Conv2d(name=name, inputs=(source,), weights=weights, weight_type=BIPOLAR)

    def act(name: str, source: str) -> Threshold:
        thresholds = np.sort(rng.integers(-8, 9, (4, 3)), axis=1)
        return Threshold(name=name, inputs=(source,), thresholds=thresholds, type=IntType(2),
                         base=0)

    return Network("tiny", Tensor.full((6, 6, 3), IntType(3)), [
        conv("conv1", "input", 3, 3), act("act1", "conv1"),
        Pad(name="pad", inputs=("act1",), pads=(1, 1, 1, 1)),
        conv("conv2", "pad", 3, 4), act("act2", "conv2"),
        Add(name="skip", inputs=("act1", "act2"), multipliers=(1, 1)),
        MaxPool(name="pool", inputs=("skip",), kernel=(2, 2), stride=(2, 2)),
        Dense(name="fc", inputs=("pool",), weights=rng.integers(-3, 4, (16, 5)),
              weight_type=IntType(3, True)),
    ])  # fmt: skip
