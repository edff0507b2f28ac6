"""A model file's own runtime beside the golden model, on random inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.errors import QuantloomError
from ..gen.frontends import door
from ..gen.network import Network
from ..gen.network.convert import integers_to_source
from . import golden

__all__ = ["Comparison", "compare"]

Array = np.ndarray[Any, Any]
Update = Callable[[int, int], None]

_QUANTISERS = ("BipolarQuant", "IntQuant", "MultiThreshold", "Quant", "Trunc")
# Reals of float32 sums lie this close to an integer's, in steps of the output's grid.
_NEAR = 0.05


@dataclass(frozen=True)
class Comparison:
    """What a comparison showed.

    Parameters
    ----------
    runtime : str
        Name and version.
    frames, elements, different : int
        Compared frames, their output elements, and how many of those differ.
    first : str or None
        The first that does.
    """

    runtime: str
    frames: int
    elements: int
    different: int
    first: str | None

    @property
    def equal(self) -> bool:
        """Whether every integer is the same."""
        return self.different == 0


def compare(path: Path, network: Network, frames: Array,
            update: Update = lambda done, total: None) -> Comparison:
    """Run frames through the source's runtime and the golden model.

    Parameters
    ----------
    path : Path
        The model file that the network was loaded from.
    network : Network
    frames : array of int, (frames, height, width, channels)
    update : callable
        Told of frames done and in total.

    Raises
    ------
    QuantloomError
        If the runtime is not installed or refuses the model, or the host's part hides the
        integers of an ONNX graph.
    """
    if door(path) == "network":
        raise QuantloomError(f"{path}: an integer network has no other runtime; check the model "
                             "that 'quantloom quantise --qonnx' writes")
    end = network.source_input
    assert end is not None
    flat = frames.reshape(len(frames), -1)[:, end.order.ravel()]
    inputs = flat.reshape(len(frames), *end.order.shape)
    runtime, run = _tflite(path) if door(path) == "TFLite" else _onnx(path, network)
    found = []
    for k, frame in enumerate(inputs):
        found.append(run(frame, np.asarray(end.scale) * (frame - end.zero_point)))
        update(k + 1, len(inputs))
    own = integers_to_source(network, golden.run(network, frames)[network.output])
    source = np.stack(found).reshape(own.shape)
    differ = own != source
    first = None
    if differ.any():
        where = tuple(int(i) for i in np.argwhere(differ)[0])
        first = f"frame {where[0]}, index {where[1:]}: {own[where]}, source {source[where]}"
    return Comparison(runtime, len(frames), own.size, int(differ.sum()), first)


Run = Callable[[Array, Array], Array]


def _tflite(path: Path) -> tuple[str, Run]:
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError:
        raise QuantloomError("the runtime of TensorFlow Lite is not installed: run 'pip install "
                             "ai-edge-litert'") from None
    from ..gen.frontends.tflite import integer_output

    try:
        interpreter = Interpreter(
            model_path=str(path), experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise QuantloomError(f"{path}: LiteRT's reference kernels refuse it: "
                             f"{str(error).splitlines()[0]}") from None
    source, target = interpreter.get_input_details()[0], integer_output(path)

    def run(integers: Array, reals: Array) -> Array:
        x = reals if np.issubdtype(source["dtype"], np.floating) else integers
        interpreter.set_tensor(source["index"], x.astype(source["dtype"]).reshape(source["shape"]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target)).astype(np.int64)

    return f"LiteRT {version('ai-edge-litert')} (reference kernels)", run


def _onnx(path: Path, network: Network) -> tuple[str, Run]:
    from onnx import helper
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    notes = [note for note in network.host if not note.endswith("before the input")]
    if notes or path.suffix == ".gz":
        raise QuantloomError(
            f"{path}: cannot be checked: " + (f"{notes[0]} is left to the host and hides the "
            "integers; cut the graph before it" if notes else "unpack it first"))
    end = network.source_output
    assert end is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ModelWrapper(str(path))
            for node in model.graph.node:  # as files of 2021 name it
                if node.op_type in _QUANTISERS:
                    node.domain = "qonnx.custom_op.general"
            model = model.transform(InferShapes())
    except Exception as error:  # qonnx and onnx raise whatever the file leads to
        raise QuantloomError(f"{path}: qonnx cannot execute it: {error}") from None
    source, sink = model.graph.input[0], model.graph.output[0].name
    dtype = helper.tensor_dtype_to_np_dtype(source.type.tensor_type.elem_type)
    shape = [d.dim_value or 1 for d in source.type.tensor_type.shape.dim]

    def run(integers: Array, reals: Array) -> Array:
        x = reals if np.issubdtype(dtype, np.floating) else integers
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y = execute_onnx(model, {source.name: x.astype(dtype).reshape(shape)})[sink]
        except Exception as error:
            raise QuantloomError(f"{path}: qonnx cannot execute it: {error}") from None
        steps = (np.asarray(y, np.float64).reshape(end.order.shape) - end.offset) / end.scale \
            + end.zero_point
        nearest = np.rint(steps)
        # What is off the grid equals nothing.
        return np.where(np.abs(steps - nearest) < _NEAR, nearest, np.iinfo(np.int32).max)

    return f"qonnx {version('qonnx')}", run
