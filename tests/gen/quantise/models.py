"""Small float models with random weights, one for each kind of layer and join."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from ..frontends.graphs import GraphBuilder

__all__ = ["MODELS", "SHAPE", "float_model", "inputs"]

SHAPE = (1, 2, 6, 6)


def conv(g: GraphBuilder, outputs: int, inputs: int, kernel: int = 3, *, name: str,
         source: str = "", bias: bool = True, groups: int = 1) -> str:
    """A convolution that keeps the size; its weights are those of ``inputs`` channels a group."""
    constants = [g.const(g.rng.normal(size=(outputs, inputs, kernel, kernel)))]
    constants += [g.const(g.rng.normal(size=outputs))] if bias else []
    return g.node("Conv", source or g.tip, *constants, name=name, group=groups,
                  pads=[kernel // 2] * 4)


def relu(g: GraphBuilder) -> str:
    return g.node("Relu")


def head(g: GraphBuilder, inputs: int, outputs: int = 4) -> None:
    g.node("Flatten")
    g.node("Gemm", g.tip, g.const(g.rng.normal(size=(outputs, inputs))),
           g.const(g.rng.normal(size=outputs)), name="fc", transB=1)


def dense(g: GraphBuilder) -> None:
    g.node("Flatten")
    g.after("MatMul", g.rng.normal(size=(72, 6)), name="hidden")
    g.after("Add", g.rng.normal(size=6))
    g.norm(6)
    relu(g)
    g.after("MatMul", g.rng.normal(size=(6, 4)), name="fc")


def convolutions(g: GraphBuilder) -> None:
    conv(g, 5, 2, name="c1", bias=False)
    g.norm(5)
    relu(g)
    conv(g, 4, 5, name="c2")
    relu(g)
    g.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    head(g, 36)


def depthwise(g: GraphBuilder) -> None:
    conv(g, 4, 2, 1, name="c1")
    relu(g)
    conv(g, 4, 1, name="deep", groups=4, bias=False)
    g.norm(4)
    g.after("Clip", 0, 6)
    conv(g, 3, 4, 1, name="wide")
    g.node("GlobalAveragePool", name="mean")
    head(g, 3)


def normalised(g: GraphBuilder) -> None:
    """The input is normalised in the model, and has positions that no padding reaches."""
    g.after("Sub", g.rng.normal(size=(1, 2, 1, 1)))
    g.after("Div", g.rng.uniform(0.5, 2, (1, 2, 1, 1)))
    g.node("Conv", g.tip, g.const(g.rng.normal(size=(3, 2, 3, 3))), name="c1", strides=[2, 2])
    g.after("LeakyRelu", alpha=0.1)
    head(g, 12)


def residual(g: GraphBuilder) -> None:
    skip = conv(g, 4, 2, name="c1")
    skip = relu(g)
    conv(g, 4, 4, name="c2")
    g.node("Add", g.tip, skip, name="sum")
    relu(g)
    conv(g, 3, 4, name="c3")
    g.node("Tanh")
    g.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2], name="mean")
    head(g, 27)


def branches(g: GraphBuilder) -> None:
    conv(g, 4, 2, name="c1")
    source = relu(g)
    left = conv(g, 3, 4, 1, name="left")
    left = relu(g)
    right = conv(g, 2, 4, name="right", source=source)  # without a ReLU: it is signed
    g.node("Concat", left, right, source, axis=1)
    conv(g, 3, 9, name="c2")
    relu(g)
    head(g, 108)


def swish(g: GraphBuilder) -> None:
    x = conv(g, 3, 2, name="c1")
    y = g.node("Sigmoid", x)
    g.node("Mul", x, y)
    head(g, 108)


MODELS: dict[str, Callable[[GraphBuilder], None]] = {
    build.__name__: build for build in (
        dense, convolutions, depthwise, normalised, residual, branches, swish)}
"""Models by name; all take inputs of :data:`SHAPE`."""


def float_model(folder: Path, name: str, rng: np.random.Generator) -> Path:
    """Write one of the models to a file."""
    g = GraphBuilder(SHAPE, rng)
    MODELS[name](g)
    path = folder / f"{name}.onnx"
    onnx.save(g.model(), path)
    return path


def inputs(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Inputs of all the models."""
    return rng.normal(size=(frames, *SHAPE[1:])).astype(np.float32)
