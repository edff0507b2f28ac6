"""Converters of TensorFlow Lite operators with weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Conv2d
from ..context import narrowest
from .common import Factor, clip_range, multiplier, padded, pads_of, require_options
from .conversion import Conversion, converts
from .file import FlatOperator, FlatTensor
from .kernels import RealFactor

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def _real(operator: FlatOperator, real: float) -> RealFactor:
    multiplier(operator, real)  # its range is checked
    return RealFactor(real)


def _filter(state: Conversion, operator: FlatOperator, outputs: int, axis: int,
            rank: int = 4) -> FlatTensor:
    """The weights, which must be symmetric int8 with one scale, or one an output."""
    tensor = state.constant(operator, 1, "int8")
    if tensor is None or tensor.data is None:
        raise UnsupportedError(operator.label, "it has no weights", "Repair the model")
    if len(tensor.shape) != rank:
        raise UnsupportedError(operator.label, f"its weights have the shape {tensor.shape}",
                               "Repair the model")
    if len(tensor.scale) not in (1, outputs) or np.any(tensor.zero_point) \
            or (len(tensor.scale) > 1 and tensor.axis != axis):
        raise UnsupportedError(
            operator.label, f"its weights have {len(tensor.scale)} scales on axis {tensor.axis} "
            f"and zero points up to {np.abs(tensor.zero_point).max(initial=0)}",
            "Quantise weights symmetrically, with one scale or one an output")
    return tensor


def _weighted(state: Conversion, operator: FlatOperator, source: str, weights: Array,
              scales: Array, *, kind: str, factor: Factor = multiplier,
              stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1),
              groups: int = 1) -> None:
    """A convolution on a tensor that is padded already, its rescaling and its activation.

    ``weights`` are (kernel height, kernel width, inputs / groups, outputs).
    """
    index = operator.inputs[0]
    own = state.grid(operator, index)
    target = state.grid(operator, operator.outputs[0])
    outputs = weights.shape[3]
    bias = state.constant(operator, 2, "int32")
    total = np.zeros(outputs, np.int64)
    if bias is not None and bias.data is not None:
        if bias.size != outputs:
            raise UnsupportedError(operator.label, f"{bias.size} biases for {outputs} outputs",
                                   "Repair the model")
        total = bias.data.reshape(-1).astype(np.int64)
    total = total - own.zero_point * weights.sum(axis=(0, 1, 2))
    name = state.name(operator, kind)
    op = Conv2d(name=name, inputs=(source,), weights=weights, weight_type=narrowest(weights),
                bias=total if total.any() else None, stride=stride, dilation=dilation,
                groups=groups)
    state.add(operator.label, op)
    reals = np.float64(own.scale) * scales.astype(np.float64) / np.float64(target.scale)
    factors = [factor(operator, float(real)) for real in reals]
    lo, hi = clip_range(operator, target)

    def rescale(acc: Array) -> Array:
        scaled = np.stack([by(row) for by, row in zip(factors, acc, strict=True)])
        return np.clip(scaled + target.zero_point, lo, hi)

    state.give(operator, state.apply(operator, name, rescale, rows=len(factors)))


@converts("CONV_2D")
def _conv(state: Conversion, operator: FlatOperator) -> None:
    tensor = _filter(state, operator, state.shape(operator.outputs[0])[2], 0)
    assert tensor.data is not None
    _convolution(state, operator, tensor, tensor.data.transpose(1, 2, 3, 0), "conv")


@converts("DEPTHWISE_CONV_2D")
def _depthwise(state: Conversion, operator: FlatOperator) -> None:
    tensor = _filter(state, operator, state.shape(operator.outputs[0])[2], 3)
    assert tensor.data is not None
    _convolution(state, operator, tensor, tensor.data.transpose(1, 2, 0, 3), "depthwise")


def _convolution(state: Conversion, operator: FlatOperator, tensor: FlatTensor, weights: Array,
                 kind: str) -> None:
    """A convolution with weights (kernel height, kernel width, inputs / groups, outputs)."""
    require_options(operator)
    source, grid = state.input(operator)
    shape = state.tensors[source].shape
    kernel, inputs, outputs = weights.shape[:2], weights.shape[2], weights.shape[3]
    if outputs != state.shape(operator.outputs[0])[2] or shape[2] % inputs \
            or (kind == "depthwise" and (inputs != 1 or outputs % shape[2])):
        raise UnsupportedError(operator.label, f"weights of shape {tensor.shape} for {shape[2]} "
                               f"channels and {outputs} outputs", "Repair the model")
    o = operator.options
    stride, dilation = (o.StrideH(), o.StrideW()), (o.DilationHFactor(), o.DilationWFactor())
    pads = pads_of(operator, shape, kernel, stride, dilation)
    source = padded(state, operator, source, pads, grid.zero_point)
    _weighted(state, operator, source, weights.astype(np.int64),
              np.broadcast_to(tensor.scale, (outputs,)), kind=kind, stride=stride,
              dilation=dilation, groups=shape[2] // inputs)


@converts("FULLY_CONNECTED")
def _fully_connected(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    shape = state.shape(operator.outputs[0])
    tensor = _filter(state, operator, shape[2], 0, rank=2)
    size = state.tensors[source].size
    if tensor.shape[0] != shape[2] or size % tensor.shape[1]:
        raise UnsupportedError(operator.label, f"weights of shape {tensor.shape} for {size} inputs "
                               f"and {shape[2]} outputs", "Repair the model")
    if operator.options is not None and operator.options.WeightsFormat() != 0:
        raise UnsupportedError(operator.label, "its weights are shuffled", "Use the default format")
    assert tensor.data is not None
    vectors = size // tensor.shape[1]
    inner = state.reshaped(source, (1, vectors, tensor.shape[1]), operator.label)
    _weighted(state, operator, inner, tensor.data.astype(np.int64).T[None, None],
              np.broadcast_to(tensor.scale, (shape[2],)), kind="dense",
              factor=_real)
