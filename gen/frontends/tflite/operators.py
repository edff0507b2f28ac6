"""Converters of TensorFlow Lite operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite

from ...errors import UnsupportedError
from ...network import ArgMax, Concat, Conv2d, MaxPool, Multiply, Pad, SumPool, Upsample
from ..context import narrowest
from .conversion import Conversion, converts
from .file import FlatOperator, FlatTensor
from .kernels import (
    HI,
    LO,
    Grid,
    Multiplier,
    RealFactor,
    activation_range,
    divide,
    lookup_table,
)

__all__: list[str] = []

Array = np.ndarray[Any, Any]
Pads = tuple[int, int, int, int]
Factor = Callable[[FlatOperator, float], Callable[[Array], Array]]


def _multiplier(operator: FlatOperator, real: float) -> Multiplier:
    try:
        return Multiplier.of(float(real))
    except ValueError as error:
        raise UnsupportedError(operator.label, str(error), "Repair the model") from None


def _real(operator: FlatOperator, real: float) -> RealFactor:
    _multiplier(operator, real)  # its range is checked
    return RealFactor(real)


def _clip(operator: FlatOperator, grid: Grid) -> tuple[int, int]:
    """Range of the result after the fused activation."""
    try:
        return activation_range(operator.activation, grid)
    except ValueError as error:
        raise UnsupportedError(operator.label, str(error), "Make the activation an operator of "
                               "its own") from None


# Products with weights


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
              scales: Array, *, kind: str, factor: Factor = _multiplier,
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
    lo, hi = _clip(operator, target)

    def rescale(acc: Array) -> Array:
        scaled = np.stack([by(row) for by, row in zip(factors, acc, strict=True)])
        return np.clip(scaled + target.zero_point, lo, hi)

    state.give(operator, state.apply(operator, name, rescale, rows=len(factors)))


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding before and after, for an output of one element a stride."""
    need = max(0, ((size + stride - 1) // stride - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return need // 2, need - need // 2


def _pads(operator: FlatOperator, shape: tuple[int, int, int], kernel: tuple[int, int],
          stride: tuple[int, int], dilation: tuple[int, int]) -> Pads:
    if min(*kernel, *stride, *dilation) < 1:
        raise UnsupportedError(operator.label, "its window or stride is not positive",
                               "Repair the model")
    if operator.options.Padding() == tflite.Padding.VALID:
        return 0, 0, 0, 0
    (top, bottom), (left, right) = (
        _same(*sizes) for sizes in zip(shape[:2], kernel, stride, dilation, strict=True))
    return top, left, bottom, right


def _padded(state: Conversion, operator: FlatOperator, source: str, pads: Pads, value: int) -> str:
    if not any(pads):
        return source
    return state.add(operator.label, Pad(name=state.names.take(f"{source}_pad"), inputs=(source,),
                                         pads=pads, value=value))


def _options(operator: FlatOperator) -> None:
    if operator.options is None:
        raise UnsupportedError(operator.label, "it has no options", "Repair the model")


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
    _options(operator)
    source, grid = state.input(operator)
    shape = state.tensors[source].shape
    kernel, inputs, outputs = weights.shape[:2], weights.shape[2], weights.shape[3]
    if outputs != state.shape(operator.outputs[0])[2] or shape[2] % inputs \
            or (kind == "depthwise" and (inputs != 1 or outputs % shape[2])):
        raise UnsupportedError(operator.label, f"weights of shape {tensor.shape} for {shape[2]} "
                               f"channels and {outputs} outputs", "Repair the model")
    o = operator.options
    stride, dilation = (o.StrideH(), o.StrideW()), (o.DilationHFactor(), o.DilationWFactor())
    pads = _pads(operator, shape, kernel, stride, dilation)
    source = _padded(state, operator, source, pads, grid.zero_point)
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
    inner = state.reshape(operator, source, (1, vectors, tensor.shape[1]))
    _weighted(state, operator, inner, tensor.data.astype(np.int64).T[None, None],
              np.broadcast_to(tensor.scale, (shape[2],)), kind="dense",
              factor=_real)


# Pooling


def _pool_window(state: Conversion, operator: FlatOperator, shape: tuple[int, int, int],
                 ) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    _options(operator)
    o = operator.options
    kernel, stride = (o.FilterHeight(), o.FilterWidth()), (o.StrideH(), o.StrideW())
    return kernel, stride, _pads(operator, shape, kernel, stride, (1, 1))


def _same_grid(state: Conversion, operator: FlatOperator) -> None:
    if state.grid(operator, operator.inputs[0]) != state.grid(operator, operator.outputs[0]):
        raise UnsupportedError(operator.label, "its input and output have different scales",
                               "Its kernel does not rescale: convert the model again")


@converts("MAX_POOL_2D")
def _max_pool(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    _same_grid(state, operator)
    kernel, stride, pads = _pool_window(state, operator, state.tensors[source].shape)
    source = _padded(state, operator, source, pads, state.tensors[source].lo)
    name = state.name(operator, "pool")
    state.add(operator.label, MaxPool(name=name, inputs=(source,), kernel=kernel, stride=stride))
    state.give(operator, _activated(state, operator, name, grid))


@converts("AVERAGE_POOL_2D")
def _average_pool(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    _same_grid(state, operator)
    kernel, stride, pads = _pool_window(state, operator, state.tensors[source].shape)
    if any(pads):
        raise UnsupportedError(operator.label, "its windows at the edge are smaller",
                               "Pool with VALID padding")
    lo, hi = _clip(operator, grid)
    size = kernel[0] * kernel[1]
    name = state.name(operator, "pool")
    state.add(operator.label, SumPool(name=name, inputs=(source,), kernel=kernel, stride=stride))
    state.give(operator, state.apply(
        operator, name, lambda total: np.clip(divide(total, size), lo, hi)))


@converts("MEAN")
def _mean(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    axes = state.constant(operator, 1, "int32")
    rank = len(state.flat(operator.inputs[0]).shape)
    if axes is None or axes.data is None or rank not in (3, 4) \
            or sorted(int(a) % rank for a in axes.data.ravel()) != list(range(1, rank - 1)):
        raise UnsupportedError(operator.label, "it is not the mean over height and width",
                               "Only that mean is supported")
    height, width, _ = state.tensors[source].shape
    size = height * width
    name = state.name(operator, "mean")
    state.add(operator.label, SumPool(name=name, inputs=(source,), kernel=(height, width),
                                      stride=(1, 1)))
    mean = _mean_kernel(operator, grid, target, size)
    state.give(operator, state.apply(operator, name, mean))


def _mean_kernel(operator: FlatOperator, grid: Grid, target: Grid, size: int) -> Any:
    factor = _multiplier(operator, np.float64(grid.scale) / np.float64(target.scale)).over(size)

    def mean(total: Array) -> Array:
        return np.clip(factor(total - size * grid.zero_point) + target.zero_point, LO, HI)

    return mean


# Elementwise


def _activated(state: Conversion, operator: FlatOperator, source: str, grid: Grid) -> str:
    """A tensor after the fused activation."""
    lo, hi = _clip(operator, grid)
    return state.apply(operator, source, lambda x: np.clip(x, lo, hi))


@converts("RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE")
def _rescale(state: Conversion, operator: FlatOperator) -> None:
    if state.flat(operator.inputs[0]).dtype == "float32":
        _quantize_input(state, operator)
        return
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    lo, hi = (LO, HI) if operator.kind == "QUANTIZE" else activation_range(operator.kind, target)
    factor = _multiplier(operator, np.float64(grid.scale) / np.float64(target.scale))
    state.give(operator, state.apply(
        operator, source,
        lambda x: np.clip(factor(x - grid.zero_point) + target.zero_point, lo, hi)))


def _quantize_input(state: Conversion, operator: FlatOperator) -> None:
    if operator.inputs[0] != state.model.input:
        raise UnsupportedError(operator.label, "it quantises a tensor that is computed in reals",
                               "Quantise the whole model to int8")
    grid = state.grid(operator, operator.outputs[0])
    if state.ground(operator, grid) != grid:
        raise UnsupportedError(operator.label, "the input is quantised in two ways",
                               "Quantise it once")
    state.give(operator, "input")


@converts("LEAKY_RELU")
def _leaky_relu(state: Conversion, operator: FlatOperator) -> None:
    _options(operator)
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    alpha = np.float32(operator.options.Alpha())
    ratio = np.float64(grid.scale) / np.float64(target.scale)
    plain = _multiplier(operator, ratio)
    # The kernel multiplies the slope with the ratio in double precision.
    steep = _multiplier(operator, np.float64(grid.scale) * np.float64(alpha)
                        / np.float64(target.scale))

    def leaky(x: Array) -> Array:
        x = x - grid.zero_point
        return np.clip(np.where(x >= 0, plain(x), steep(x)) + target.zero_point, LO, HI)

    state.give(operator, state.apply(operator, source, leaky))


@converts("LOGISTIC", "TANH")
def _table(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    function = np.tanh if operator.kind == "TANH" else lambda x: 1 / (1 + np.exp(-x))
    table = lookup_table(function, grid, target)
    state.give(operator, state.apply(operator, source, lambda x: table[x - LO]))


@converts("ADD", "SUB")
def _add(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    lo, hi = _clip(operator, target)
    grids = [state.grid(operator, i) for i in operator.inputs[:2]]
    twice = 2 * np.float64(max(g.scale for g in grids))
    factors = [_multiplier(operator, np.float64(g.scale) / twice) for g in grids]
    end = _multiplier(operator, twice / (np.float64(1 << _HEADROOM) * np.float64(target.scale)))
    sign = -1 if operator.kind == "SUB" else 1

    def part(k: int, x: Array) -> Array:
        return factors[k]((x.astype(np.int64) - grids[k].zero_point) << _HEADROOM)

    def total(a: Array, b: Array) -> Array:
        return np.clip(end(part(0, a) + sign * part(1, b)) + target.zero_point, lo, hi)

    constant = [state.flat(i).stored for i in operator.inputs[:2]]
    if not any(constant):
        names = state.input(operator, 0)[0], state.input(operator, 1)[0]
        state.join(operator, names, total, operator.kind.lower())
        return
    source, row, first = _with_constant(state, operator, constant)
    function = (lambda x: total(row, x)) if first else (lambda x: total(x, row))
    state.give(operator, state.apply(operator, source, function, rows=len(row),
                                     sign=sign if first else 1))


_HEADROOM = 20
"""Bits by which the kernel of a sum shifts its operands up."""


@converts("MUL")
def _mul(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    lo, hi = _clip(operator, target)
    a, b = (state.grid(operator, i) for i in operator.inputs[:2])
    factor = _multiplier(operator, float(a.scale * b.scale / target.scale))
    constant = [state.flat(i).stored for i in operator.inputs[:2]]
    if not any(constant):
        names = state.input(operator, 0)[0], state.input(operator, 1)[0]
        product = state.add(operator.label, Multiply(
            name=state.name(operator, "mul"), inputs=names,
            offsets=(-a.zero_point, -b.zero_point)))
        state.give(operator, state.apply(
            operator, product, lambda x: np.clip(factor(x) + target.zero_point, lo, hi)))
        return
    source, row, first = _with_constant(state, operator, constant)
    grid, other = (b, a) if first else (a, b)
    by = row - other.zero_point

    def scaled(x: Array) -> Array:
        return np.clip(factor((x - grid.zero_point) * by) + target.zero_point, lo, hi)

    state.give(operator, state.apply(operator, source, scaled, rows=len(row),
                                     sign=np.where(by[:, 0] < 0, -1, 1)))


def _with_constant(state: Conversion, operator: FlatOperator, constant: list[bool],
                   ) -> tuple[str, Array, bool]:
    """The computed operand, the constant one of shape (rows, 1), and whether that comes first."""
    first = constant[0]
    tensor = state.constant(operator, 0 if first else 1, "int8")
    assert tensor is not None and tensor.data is not None
    source, _ = state.input(operator, 1 if first else 0)
    shape = state.tensors[source].shape
    try:
        wide = np.broadcast_to(tensor.data, state.flat(operator.outputs[0]).shape)
        wide = wide.reshape(-1, shape[2]).astype(np.int64)
    except ValueError:
        wide = np.zeros((2, 1), np.int64)
    if np.prod(state.flat(operator.outputs[0]).shape) != np.prod(shape) \
            or np.any(wide != wide[0]):
        raise UnsupportedError(operator.label, f"a constant of shape {tensor.shape} meets a tensor "
                               f"of shape {shape}", "Use one value, or one a channel")
    row = wide[0]
    return source, (row[:1] if np.all(row == row[0]) else row)[:, None], first


# Arrangement


@converts("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    _same_grid(state, operator)
    if state.flat(operator.outputs[0]).size != state.tensors[source].size:
        raise UnsupportedError(operator.label, "its result is of another size", "Repair the model")
    state.give(operator, source)


@converts("PAD", "PADV2")
def _pad(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    _same_grid(state, operator)
    amounts = state.constant(operator, 1, "int32")
    rank = len(state.flat(operator.inputs[0]).shape)
    if amounts is None or amounts.data is None or amounts.shape != (rank, 2) or rank not in (3, 4):
        raise UnsupportedError(operator.label, "its amounts do not fit the tensor",
                               "Pad height and width of a feature map")
    rows = amounts.data.astype(int)
    inner = [(0, 0), *rows[1:-1].tolist()][-2:]
    if rows[0].any() or rows[-1].any() or rows.min() < 0 or rows.max() > 1 << 12:
        raise UnsupportedError(operator.label, f"its amounts are {rows.tolist()}",
                               "Only height and width can be padded")
    value = grid.zero_point
    if operator.kind == "PADV2":
        constant = state.constant(operator, 2, "int8")
        value = value if constant is None or constant.data is None else int(constant.data.flat[0])
    (top, bottom), (left, right) = inner
    state.give(operator, _padded(state, operator, source, (top, left, bottom, right), value))


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


@converts("RESIZE_NEAREST_NEIGHBOR")
def _resize(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    _same_grid(state, operator)
    old, new = state.tensors[source].shape, state.shape(operator.outputs[0])
    factors = new[0] // old[0], new[1] // old[1]
    options = operator.options
    plain = options is None or not options.AlignCorners()
    if not plain or (old[0] * factors[0], old[1] * factors[1], old[2]) != new:
        raise UnsupportedError(operator.label, f"it enlarges {old} to {new}",
                               "Only whole factors, without aligned corners, are supported")
    name = state.name(operator, "upsample")
    state.give(operator, state.add(operator.label, Upsample(name=name, inputs=(source,),
                                                            factors=factors)))


# Ends


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
