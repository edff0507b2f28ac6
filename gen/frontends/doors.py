"""Which front door a model file takes."""

from __future__ import annotations

from pathlib import Path

from ..errors import QuantloomError, UnsupportedError
from ..network import Network
from ..network.file import is_network_file, load_network
from . import onnx_door, tflite
from .context import InputGrid

__all__ = ["check", "door", "examine", "load"]


def door(path: str | Path) -> str:
    """Name of the format that a model file is read as: "network", "TFLite" or "ONNX"."""
    if is_network_file(path):
        return "network"
    return "TFLite" if tflite.is_tflite(path) else "ONNX"


def load(path: str | Path, *, input_grid: InputGrid | None = None) -> Network:
    """Load a model file: QONNX, FINN-style ONNX, ONNX with QuantizeLinear, or TensorFlow Lite.

    Parameters
    ----------
    path : path
        ``.onnx``, ``.onnx.gz`` or ``.tflite``; or ``.qnet``, an integer network as
        ``quantloom quantise`` writes it.
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
    network, problems = examine(path, input_grid=input_grid)
    if network is None:
        raise UnsupportedError.first(problems)
    return network


def check(path: str | Path, *, input_grid: InputGrid | None = None) -> list[UnsupportedError]:
    """All nodes of a model that stand in the way of compiling it, in graph order.

    Raises
    ------
    QuantloomError
        If the file is not a usable model at all.
    """
    return examine(path, input_grid=input_grid)[1]


def examine(path: str | Path, *, input_grid: InputGrid | None = None,
            ) -> tuple[Network | None, list[UnsupportedError]]:
    """Both of these at once: the network, or None and all that stands in its way.

    Raises
    ------
    QuantloomError
        If the file is not a usable model at all.
    """
    if is_network_file(path):
        if input_grid is not None:
            raise QuantloomError(f"{path}: an integer network has its input grid; leave out "
                                 "--input-...")
        return load_network(path), []
    convert = tflite.examine if tflite.is_tflite(path) else onnx_door.examine
    return convert(path, input_grid=input_grid)
