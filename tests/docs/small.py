"""The small models and data that pages speak of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..gen.frontends.graphs import GraphBuilder, execute

__all__ = ["put_float_model", "put_labels", "put_models"]


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
        (folder / f"{name}.onnx").write_bytes(made.model().SerializeToString())
    np.save(folder / "x.npy", np.random.default_rng(1).integers(0, 16, (4, 8, 8, 1)))


def put_labels(model: Path, file: Path, top: int, frames: int = 40) -> np.ndarray:
    """Random images from 0 to ``top`` in sixteenths, labelled with what the model says of them."""
    integers = np.random.default_rng(2).integers(0, top + 1, (frames, 1, 8, 8))
    images = integers.astype(np.float32) / 16
    np.savez(file, images=images, labels=execute(model, images).argmax(axis=-1).ravel())
    return images


def put_float_model(folder: Path) -> None:
    """``float.onnx``, its layers those of the others; ``calibration.npy``, ``test.npz``."""
    made = GraphBuilder((1, 1, 8, 8), np.random.default_rng(0))
    made.node("Conv", made.tip, made.const(made.rng.normal(size=(4, 1, 3, 3))),
              kernel_shape=[3, 3], name="conv1")
    made.norm(4)
    made.node("Relu")
    made.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    made.node("Flatten")
    made.after("MatMul", made.rng.normal(size=(36, 5)), name="dense")
    (folder / "float.onnx").write_bytes(made.model().SerializeToString())
    np.save(folder / "calibration.npy", put_labels(folder / "float.onnx", folder / "test.npz", 16))
