"""The small models that pages speak of as ``model.onnx``, ``pixels.onnx`` and ``x.npy``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..gen.frontends.graphs import GraphBuilder

__all__ = ["put_models"]


def put_models(folder: Path) -> None:
    """Two QONNX models of 8 x 8 pixels, and four frames for the first.

    ``model.onnx`` begins with a quantiser of 4 bits, ``pixels.onnx`` with its first layer.
    """
    for name, quantised in (("model", True), ("pixels", False)):
        made = GraphBuilder((1, 1, 8, 8), np.random.default_rng(0))
        if quantised:
            made.quant(1 / 16, 4, signed=0)
        made.node("Conv", made.tip, made.weights((4, 1, 3, 3)), kernel_shape=[3, 3], name="conv1")
        made.norm(4)
        made.node("Relu")
        made.quant(0.5, 3, signed=0)
        made.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], name="pool1")
        made.node("Reshape", made.tip, made.const([1, 36], np.int64))
        made.node("MatMul", made.tip, made.weights((36, 5)), name="dense")
        made.save(folder)
        (folder / "model.onnx").rename(folder / f"{name}.tmp")
    for name in ("model", "pixels"):
        (folder / f"{name}.tmp").rename(folder / f"{name}.onnx")
    np.save(folder / "x.npy", np.random.default_rng(1).integers(0, 16, (4, 8, 8, 1)))
