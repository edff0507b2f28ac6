"""Random networks against qonnx, and the digit classifier that the package ships."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from quantloom.gen.frontends import InputGrid, load

from ...models import arrays
from .cases import compare
from .graphs import GENERAL, GraphBuilder, compute


def scales(rng, dyadic: bool, shape=()):
    """Powers of two, where all of the source's sums and ties are exact, or any.

    With other scales a tie depends on the order of the source's float32 sums; they are drawn so
    that there are none.
    """
    return 2.0 ** -rng.integers(0, 4, shape) if dyadic else rng.uniform(0.1, 1, shape)


def layer(g: GraphBuilder, channels: int, rng, dyadic: bool) -> int:
    """A random convolution with what follows it; returns its outputs."""
    groups = int(rng.choice([1, 1, channels]))
    outputs = groups * int(rng.integers(1, 5)) if groups > 1 else int(rng.integers(2, 6))
    kernel = int(rng.choice([1, 3]))
    pad = int(rng.integers(0, kernel // 2 + 1))
    tip = g.tip
    bits = int(rng.choice([1, 2, 4, 8]))
    scale = scales(rng, dyadic, (outputs, 1, 1, 1)) if rng.random() < 0.5 else 0.25
    g.node("Conv", tip, g.weights((outputs, channels // groups, kernel, kernel), scale, bits),
           group=groups, pads=[pad] * 4, strides=[int(rng.integers(1, 3)), 1])
    if not dyadic or rng.random() < 0.7:
        g.norm(outputs, spread=float(rng.choice([1.0, 8.0])))
    if rng.random() < 0.3:
        g.node("MaxPool", kernel_shape=[2, 2], strides=[1, 1], pads=[0, 1, 1, 0])
    if rng.random() < 0.5:
        g.node(str(rng.choice(["Relu", "LeakyRelu"])))
    kind = rng.random()
    if kind < 0.25:
        g.node("BipolarQuant", g.tip, g.const(scales(rng, dyadic)), domain=GENERAL)
    else:
        signed = int(rng.integers(0, 2))
        zero = int(rng.integers(0, 3))
        g.quant(scales(rng, dyadic), int(rng.choice([2, 3, 4, 8])), signed=signed, zero=zero,
                narrow=int(rng.integers(0, 2)), mode=str(rng.choice(["ROUND", "FLOOR", "HALF_UP"])))
    if rng.random() < 0.2:
        g.node("AveragePool", kernel_shape=[2, 2], strides=[1, 1])
    return outputs


@pytest.mark.parametrize("seed", range(40))
def test_random_network(seed, tmp_path):
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(1, 5))
    g = GraphBuilder((1, channels, 22, 9), rng)
    for _ in range(3):
        channels = layer(g, channels, rng, dyadic=seed % 2 == 0)
        if rng.random() < 0.3:
            # A residual branch with twice the scale.
            start = g.tip
            left = g.quant(0.25, 5)
            g.tip = start
            right = g.quant(0.5, 3)
            g.node("Add", left, right)
    g.node("Flatten")
    # Weights of a dense layer need the number of elements, which the network knows.
    path = g.save(tmp_path)
    grid = InputGrid(4, bool(rng.integers(0, 2)), 0.5)
    size = int(np.prod(load(path, input_grid=grid).source_output.shape))
    tip = g.tip
    g.node("MatMul", tip, g.weights((size, 4), 0.25))
    compare(tmp_path, g, grid, frames=4)


def test_digits():
    """Logits that qonnx computed for the held-out images."""
    assets = resources.files("quantloom.gen") / "assets"
    with resources.as_file(assets / "digits.onnx") as path:
        network = load(path)
    with resources.as_file(assets / "digits_test.npz") as path:
        data = arrays(path)
    images = data["images"][:, None] / 16.0
    integers, reals = compute(network, images)
    np.testing.assert_allclose(reals, data["logits"], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(integers.argmax(axis=1), data["logits"].argmax(axis=1))
    assert (integers.argmax(axis=1) == data["labels"]).mean() >= 0.96
