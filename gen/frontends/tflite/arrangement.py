"""Converters of TensorFlow Lite operators that rearrange, and of those at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import ArgMax, Concat, DepthToSpace, SpaceToDepth
from .common import require_options, require_same_grid
from .conversion import Conversion, converts
from .file import FlatOperator

__all__ = ["HOST_STARTS"]

HOST_STARTS = ("SOFTMAX", "LOG_SOFTMAX", "DEQUANTIZE")
"""Operators with which the host's part begins."""

Array = np.ndarray[Any, Any]


@converts("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    require_same_grid(state, operator)
    if state.flat(operator.outputs[0]).size != state.tensors[source].size:
        raise UnsupportedError(operator.label, "its result is of another size", "Repair the model")
    state.give(operator, source)


@converts("SLICE")
def _slice(state: Conversion, operator: FlatOperator) -> None:
    shape = state.flat(operator.inputs[0]).shape
    starts, sizes = (_numbers(state, operator, i, len(shape)) for i in (1, 2))
    _give_box(state, operator, [
        range(first, whole if n == -1 else first + n)
        for first, n, whole in zip(starts, sizes, shape, strict=True)])


@converts("STRIDED_SLICE")
def _strided_slice(state: Conversion, operator: FlatOperator) -> None:
    require_options(operator)
    shape, options = state.flat(operator.inputs[0]).shape, operator.options
    if options.EllipsisMask() or options.NewAxisMask():
        raise UnsupportedError(operator.label, "it has an ellipsis, or makes an axis",
                               "Slice each axis, and reshape")
    begins, ends, strides = (_numbers(state, operator, i, len(shape)) for i in (1, 2, 3))
    if min(strides) < 1:
        raise UnsupportedError(operator.label, f"its strides are {strides}",
                               "Only positive strides are supported")
    ranges = []
    for axis, (begin, end, stride, n) in enumerate(zip(begins, ends, strides, shape, strict=True)):
        if options.Offset():
            end += begin
        if options.BeginMask() >> axis & 1:
            begin = 0
        if options.ShrinkAxisMask() >> axis & 1:
            end, stride = (begin + 1) or n, 1
        elif options.EndMask() >> axis & 1:
            end = n
        ranges.append(range(*slice(begin, end, stride).indices(n)))
    _give_box(state, operator, ranges)


def _numbers(state: Conversion, operator: FlatOperator, position: int, count: int) -> list[int]:
    """A constant of one whole number an axis."""
    tensor = state.constant(operator, position, "int32")
    if tensor is None or tensor.data is None or tensor.shape != (count,):
        raise UnsupportedError(operator.label, f"its input {position} is not one number an axis",
                               "Slice every axis")
    return [int(n) for n in tensor.data]


def _give_box(state: Conversion, operator: FlatOperator, ranges: list[range]) -> None:
    """Take a part of the input as the result: a range along each axis."""
    source, _ = state.input(operator)
    require_same_grid(state, operator)
    batch, *box = [range(1)] * (4 - len(ranges)) + ranges
    if not all(map(len, box)) or batch != range(1):
        raise UnsupportedError(operator.label, "nothing is left", "Repair the model")
    if len(box[2]) > 1 and box[2].step > 1:
        raise UnsupportedError(operator.label, f"it takes every {box[2].step} channels",
                               "Only strides along height and width are supported")
    height, width, channels = ((axis.start, axis[-1] + 1 - axis.start) for axis in box)
    stride = [axis.step if len(axis) > 1 else 1 for axis in box]
    state.give(operator, state.box(
        operator.label, source, (height[0], width[0], channels[0]),
        (height[1], width[1], channels[1]), (stride[0], stride[1])))


@converts("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def _blocks(state: Conversion, operator: FlatOperator) -> None:
    require_options(operator)
    source, _ = state.input(operator)
    require_same_grid(state, operator)
    kind = DepthToSpace if operator.kind == "DEPTH_TO_SPACE" else SpaceToDepth
    size = int(operator.options.BlockSize())
    name = state.name(operator, kind.__name__.lower())
    state.give(operator, state.add(operator.label, kind(name=name, inputs=(source,),
                                                        block=(size, size))))


@converts("CONCATENATION")
def _concatenation(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    parts = [state.input(operator, i) for i in range(len(operator.inputs))]
    if any(grid != target for _, grid in parts) or operator.activation != "NONE":
        raise UnsupportedError(operator.label, "its operands have different scales, or it has a "
                               "fused activation", "Its kernel does neither: convert again")
    require_options(operator)
    rank = len(state.flat(operator.outputs[0]).shape)
    axis = operator.options.Axis() % rank + 3 - rank  # of height, width and channels
    if axis < 0 or (rank < 4 and axis == 3 - rank):
        raise UnsupportedError(operator.label, "it joins samples of a batch",
                               "Join along the height, the width or the channels")
    name = state.name(operator, "concat")
    state.give(operator, state.add(operator.label, Concat(
        name=name, inputs=tuple(source for source, _ in parts), axis=axis)))


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


@converts(*HOST_STARTS)
def _host(state: Conversion, operator: FlatOperator) -> None:
    state.input(operator)
    state.host[operator.outputs[0]] = operator.inputs[0], (operator.kind.lower(),)
