"""Reading TensorFlow Lite files: the flatbuffer becomes plain operators and tensors, checked."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite

from ...errors import QuantloomError
from ..draft import MAX_ELEMENTS
from ..file_bytes import file_bytes

__all__ = ["FlatModel", "FlatOperator", "FlatTensor", "is_tflite", "read"]

Array = np.ndarray[Any, Any]

_MAGIC = b"TFL3"
_MAX_ITEMS = 1 << 14


def _names(enumeration: type) -> dict[int, str]:
    return {v: k for k, v in vars(enumeration).items() if not k.startswith("_")}


_OPERATORS = _names(tflite.BuiltinOperator)
_OPTIONS = _names(tflite.BuiltinOptions)
_TYPES = {v: k.lower() for v, k in _names(tflite.TensorType).items()}
_ACTIVATIONS = _names(tflite.ActivationFunctionType)


@dataclass(frozen=True, eq=False)
class FlatTensor:
    """One tensor.

    Parameters
    ----------
    name : str
    shape : tuple of int
    dtype : str
        "int8", "float32" and so on.
    scale : array of float32, (n,)
        Empty where the tensor is not quantised.
    zero_point : array of int64, (n,)
    axis : int
        Axis of the scales where there are several.
    stored : bool
        The file holds its elements.
    data : array or None
        Those elements; None also where they are of a kind that is not read (float16, sparse).
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: Array
    zero_point: Array
    axis: int
    stored: bool
    data: Array | None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class FlatOperator:
    """One operator.

    Parameters
    ----------
    kind : str
        Name in the schema ("CONV_2D").
    label : str
        How messages call it.
    inputs, outputs : tuple of int
        Indices of tensors; -1 for an omitted input.
    options : object or None
        Accessor of the schema package for the operator's options.
    """

    kind: str
    label: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any

    @property
    def activation(self) -> str:
        """Name of the fused activation."""
        if self.options is None or not hasattr(self.options, "FusedActivationFunction"):
            return "NONE"
        code = self.options.FusedActivationFunction()
        return _ACTIVATIONS.get(code, str(code))


@dataclass(frozen=True, eq=False)
class FlatModel:
    """A model of one subgraph with one input and one output."""

    name: str
    tensors: list[FlatTensor]
    operators: list[FlatOperator]
    input: int
    output: int


def is_tflite(path: str | Path) -> bool:
    """Whether a file says that it is a TensorFlow Lite model, by its mark or its extension."""
    path = Path(path)
    if path.suffix == ".tflite":
        return True
    try:
        with path.open("rb") as file:
            return file.read(8)[4:] == _MAGIC
    except OSError:
        return False


def read(path: str | Path) -> FlatModel:
    """Read a ``.tflite`` file.

    Raises
    ------
    QuantloomError
        If the file cannot be read, is damaged, or has several subgraphs, inputs or outputs.
    """
    path = Path(path)
    data = file_bytes(path)
    if data[4:8] != _MAGIC:
        raise QuantloomError(f"{path}: not a TensorFlow Lite model")
    with _damage(path):
        return _model(path, tflite.Model.GetRootAs(data, 0))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn whatever the flatbuffer accessors raise on damaged offsets into one error."""
    try:
        yield
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError,
            MemoryError) as error:
        raise QuantloomError(f"{path}: damaged or truncated TensorFlow Lite file ({error})"
                             ) from None


def _count(path: Path, what: str, n: int) -> range:
    if not 0 <= n <= _MAX_ITEMS:
        raise QuantloomError(f"{path}: it has {n} {what}; at most {_MAX_ITEMS} are accepted")
    return range(n)


def _model(path: Path, model: Any) -> FlatModel:
    if model.SubgraphsLength() != 1:
        raise QuantloomError(f"{path}: the model must have one subgraph, "
                             f"not {model.SubgraphsLength()}. Export one without control flow")
    graph = model.Subgraphs(0)
    tensors = [_tensor(path, model, graph.Tensors(i))
               for i in _count(path, "tensors", graph.TensorsLength())]
    ends = []
    for what, length, item in (("input", graph.InputsLength(), graph.Inputs),
                               ("output", graph.OutputsLength(), graph.Outputs)):
        if length != 1:
            raise QuantloomError(f"{path}: the model must have one {what}, not {length}")
        ends.append(int(item(0)))
    operators = [_operator(path, model, tensors, graph.Operators(i))
                 for i in _count(path, "operators", graph.OperatorsLength())]
    _check_edges(path, tensors, operators, *ends)
    name = path.name.removesuffix(".tflite")
    return FlatModel(name, tensors, _needed(operators, ends[1]), *ends)


def _tensor(path: Path, model: Any, tensor: Any) -> FlatTensor:
    name = (tensor.Name() or b"").decode(errors="replace")
    dtype = _TYPES.get(tensor.Type(), str(tensor.Type()))
    shape = tuple(int(tensor.Shape(i)) for i in _count(path, "axes", tensor.ShapeLength()))
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise QuantloomError(f"{path}: tensor {name!r} has the shape {list(shape)}; sizes must be "
                             f"positive and the whole at most {MAX_ELEMENTS} elements")
    scale, zero, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    quantization = tensor.Quantization()
    if quantization is not None and quantization.ScaleLength():
        scale = np.array(quantization.ScaleAsNumpy(), np.float32)
        zero = np.zeros(len(scale), np.int64)
        if quantization.ZeroPointLength():
            zero = np.array(quantization.ZeroPointAsNumpy(), np.int64)
        axis = int(quantization.QuantizedDimension())
        if len(zero) != len(scale) or not np.isfinite(scale).all() or scale.min() <= 0:
            raise QuantloomError(f"{path}: tensor {name!r} has scales that are not positive, or "
                                 "not as many zero points as scales")
    stored, data = _constant(path, model, tensor, name, dtype, shape)
    return FlatTensor(name, shape, dtype, scale, zero, axis, stored, data)


def _constant(path: Path, model: Any, tensor: Any, name: str, dtype: str,
              shape: tuple[int, ...]) -> tuple[bool, Array | None]:
    index = tensor.Buffer()
    if not 0 <= index < model.BuffersLength():
        raise QuantloomError(f"{path}: tensor {name!r} has no buffer: the file is damaged")
    buffer = model.Buffers(index)
    if buffer.DataLength() == 0:
        if buffer.Size() > 1:
            raise QuantloomError(f"{path}: tensor {name!r} lies outside the flatbuffer. "
                                 "Export a model of less than 2 GB")
        return False, None
    if tensor.Sparsity() is not None or dtype not in ("int8", "int16", "int32", "int64", "float32"):
        return True, None  # refused where it is used
    array = np.frombuffer(buffer.DataAsNumpy().tobytes(), np.dtype(dtype).newbyteorder("<"))
    if array.size != math.prod(shape):
        raise QuantloomError(f"{path}: tensor {name!r} of shape {list(shape)} has {array.size} "
                             "elements: the file is damaged")
    return True, array.reshape(shape)


def _operator(path: Path, model: Any, tensors: list[FlatTensor], operator: Any) -> FlatOperator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Codes of less than 127 stand in the older field; the newer one is then 0 or the same.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = _OPERATORS.get(number, f"operator {number}")
    if kind == "CUSTOM":
        kind = f"custom {(code.CustomCode() or b'?').decode(errors='replace')}"
    inputs = tuple(int(operator.Inputs(i))
                   for i in _count(path, "inputs of an operator", operator.InputsLength()))
    outputs = tuple(int(operator.Outputs(i))
                    for i in _count(path, "outputs of an operator", operator.OutputsLength()))
    if any(not -1 <= i < len(tensors) for i in inputs) or not outputs \
            or any(not 0 <= i < len(tensors) for i in outputs):
        raise QuantloomError(f"{path}: a {kind} has no output, or one that does not exist: the "
                             "file is damaged")
    options, table = None, operator.BuiltinOptions()
    name = _OPTIONS.get(operator.BuiltinOptionsType())
    if table is not None and name is not None and hasattr(tflite, name):
        options = getattr(tflite, name)()
        options.Init(table.Bytes, table.Pos)
    return FlatOperator(kind, f"{kind} that makes {tensors[outputs[0]].name!r}", inputs, outputs,
                        options)


def _check_edges(path: Path, tensors: list[FlatTensor], operators: list[FlatOperator],
                 source: int, output: int) -> None:
    if not (0 <= source < len(tensors) and 0 <= output < len(tensors)):
        raise QuantloomError(f"{path}: its input or output does not exist: the file is damaged")
    known = {i for i, tensor in enumerate(tensors) if tensor.stored} | {source, -1}
    for operator in operators:
        for i in operator.inputs:
            if i not in known:
                raise QuantloomError(f"{path}: {operator.label} reads {tensors[i].name!r}, which "
                                     "nothing before it defines: the file is damaged")
        if known.intersection(operator.outputs):
            raise QuantloomError(f"{path}: {operator.label}: that tensor exists already: the file "
                                 "is damaged")
        known.update(operator.outputs)
    if output not in known:
        raise QuantloomError(f"{path}: nothing defines the output {tensors[output].name!r}")


def _needed(operators: list[FlatOperator], output: int) -> list[FlatOperator]:
    """The operators that the output depends on."""
    wanted, kept = {output}, []
    for operator in reversed(operators):
        if wanted.intersection(operator.outputs):
            wanted.update(operator.inputs)
            kept.append(operator)
    return kept[::-1]
