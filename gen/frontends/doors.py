"""Which front door a model file takes."""

from __future__ import annotations

from pathlib import Path

from ..errors import UnsupportedError
from ..network import Network
from . import onnx_door, tflite
from .context import InputGrid

__all__ = ["check", "door", "load"]


def door(path: str | Path) -> str:
    """Name of the format that a model file is read as: "TFLite" or "ONNX"."""
    return "TFLite" if tflite.is_tflite(path) else "ONNX"


def load(path: str | Path, *, input_grid: InputGrid | None = None) -> Network:
    """Load a model file: QONNX, FINN-style ONNX, ONNX with QuantizeLinear, or TensorFlow Lite.

    Parameters
    ----------
    path : path
        ``.onnx``, ``.onnx.gz`` or ``.tflite``.
    input_grid : InputGrid or None
        Integer grid of an ONNX model's input. None takes it from the model: from the annotated or
        integer type of the input, or from the quantiser that the graph begins with.

    Returns
    -------
    Network
        Integers equal to what the model's own arithmetic gives.

    Raises
    ------
    QuantloomError
        If the file is not a usable model, or (``UnsupportedError``) a node cannot be compiled;
        :func:`check` lists all such nodes.
    """
    if tflite.is_tflite(path):
        return tflite.load(path, input_grid=input_grid)
    return onnx_door.load(path, input_grid=input_grid)


def check(path: str | Path, *, input_grid: InputGrid | None = None) -> list[UnsupportedError]:
    """All nodes of a model that stand in the way of compiling it, in graph order.

    Raises
    ------
    QuantloomError
        If the file is not a usable model at all.
    """
    if tflite.is_tflite(path):
        return tflite.check(path, input_grid=input_grid)
    return onnx_door.check(path, input_grid=input_grid)
