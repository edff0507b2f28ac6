"""Converters of TensorFlow Lite operators that rearrange, and of those at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import ArgMax, Concat
from .common import require_same_grid
from .conversion import Conversion, converts
from .file import FlatOperator

__all__: list[str] = []

Array = np.ndarray[Any, Any]


@converts("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    require_same_grid(state, operator)
    if state.flat(operator.outputs[0]).size != state.tensors[source].size:
        raise UnsupportedError(operator.label, "its result is of another size", "Repair the model")
    state.give(operator, source)


@converts("CONCATENATION")
def _concatenation(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    parts = [state.input(operator, i) for i in range(len(operator.inputs))]
    if any(grid != target for _, grid in parts) or operator.activation != "NONE":
        raise UnsupportedError(operator.label, "its operands have different scales, or it has a "
                               "fused activation", "Its kernel does neither: convert again")
    rank = len(state.flat(operator.outputs[0]).shape)
    if operator.options is None or operator.options.Axis() % rank != rank - 1:
        raise UnsupportedError(operator.label, "it does not join channels",
                               "Join along the last axis")
    name = state.name(operator, "concat")
    state.give(operator, state.add(
        operator.label, Concat(name=name, inputs=tuple(source for source, _ in parts))))


@converts("ARG_MAX")
def _arg_max(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    axis = state.constant(operator, 1, "int32")
    rank = len(state.flat(operator.inputs[0]).shape)
    if axis is None or axis.data is None or int(axis.data.ravel()[0]) % rank != rank - 1 \
            or operator.outputs[0] != state.model.output:
        raise UnsupportedError(operator.label, "it is not the last operator, over the channels",
                               "Take the index of the largest channel at the end")
    name = state.name(operator, "argmax")
    state.places[operator.outputs[0]] = state.add(
        operator.label, ArgMax(name=name, inputs=(source,)))


@converts("SOFTMAX", "LOG_SOFTMAX", "DEQUANTIZE")
def _host(state: Conversion, operator: FlatOperator) -> None:
    state.input(operator)
    state.host[operator.outputs[0]] = operator.inputs[0], (operator.kind.lower(),)
