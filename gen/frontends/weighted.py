"""Converters of operations with weights: MatMul, Gemm, Conv."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..network import Conv2d, Dense, Pad
from .context import Context, LayoutError, converts, narrowest
from .layouts import FeatureMap, spatial, spread
from .quantise import materialise
from .reader import Node
from .selection import cut
from .values import Const, Step, Value, squeeze_uniform
from .windows import window

__all__: list[str] = []

Array = np.ndarray[Any, Any]

# Largest factor that brings weights of differing scales to one grid.
_MAX_FACTOR = 1 << 8
_MAX_WEIGHT = 1 << 16
_MAX_WEIGHTS = 1 << 23


def _weights(ctx: Context, node: Node, position: int = 1) -> tuple[Array, Array]:
    """Integers and scales, both of the weights' shape."""
    const = ctx.get(node, position)
    if not isinstance(const, Const):
        raise UnsupportedError(node.label, "its weights are not constant",
                               "Products of two computed tensors are not supported")
    array = ctx.finite(node, const.array)
    if not 0 < array.size <= _MAX_WEIGHTS:
        raise UnsupportedError(node.label, f"it has {array.size:,} weights", "Weights stay on the "
                               f"chip: 1 to {_MAX_WEIGHTS:,} of a layer are accepted")
    if const.integers is not None and const.scale is not None:
        return const.integers, const.scale.astype(np.float64)
    if np.array_equal(array, np.rint(array)):
        peak = np.abs(array.astype(np.float64)).max()
        if peak >= _MAX_WEIGHT:
            raise UnsupportedError(node.label, f"its weights ({node.inputs[position]}) are whole "
                                   f"numbers up to {peak:.0f}", f"Use less than {_MAX_WEIGHT:,}")
        return array.astype(np.int64), np.ones(array.shape)
    raise UnsupportedError(node.label, f"its weights ({node.inputs[position]}) are not quantised",
                           "Put a Quant or BipolarQuant node on them, or make them integers")


def _one_grid(node: Node, integers: Array, scale: Array) -> tuple[Array, Array]:
    """Integers and one scale an output for weights (..., outputs) with a scale each."""
    rows, wide = integers.reshape(-1, integers.shape[-1]), scale.reshape(-1, integers.shape[-1])
    if np.all(wide == wide[0]):
        return integers, wide[0]
    rows = rows.copy()
    base = np.empty(rows.shape[1])
    for o in range(rows.shape[1]):
        kinds, which = np.unique(wide[:, o], return_inverse=True)
        ratios = [Fraction(k) / Fraction(kinds[0]) for k in kinds.tolist()]
        common = math.lcm(*(r.denominator for r in ratios)) if len(ratios) < 1 << 12 else 1 << 60
        factors = [int(r * common) for r in ratios] if common < 1 << 60 else [1 << 60]
        if max(map(abs, factors)) > _MAX_FACTOR:
            raise UnsupportedError(
                node.label, "the scales of its input channels (or of its weights along them) "
                "have no small common grid",
                "Give all inputs of one output one scale, or powers of two")
        rows[:, o] *= np.array(factors)[which]
        base[o] = kinds[0] / common
    return rows.reshape(integers.shape), base


def _finish(ctx: Context, node: Node, name: str, index: Array, scale: Array,
            tail: Array | None) -> Value:
    value = Value(name, index, squeeze_uniform(scale), exclusive=True)
    if tail is None:
        return value
    constant = tail.reshape(()) if tail.size == 1 else tail.reshape(-1, 1)
    flat = tail.astype(np.float64).reshape(-1)
    return value.then(Step(f"bias of {node.label}", lambda x, c: x + c, (constant,),
                           affine=(np.ones(()), flat)))


def _split_bias(real: Array | None, scale: Array, own: Array) -> tuple[Array | None, Array | None]:
    """Integer bias of the operation, and what must be added in reals.

    ``own`` is what the input's zero point asks for.
    """
    whole = None if not own.any() else own
    if real is None:
        return whole, None
    real = np.broadcast_to(real.reshape(-1), own.shape)
    steps = np.rint(real / scale)
    exact = (steps * scale).astype(np.float32) == real.astype(np.float32)
    if exact.all() and np.abs(steps).max() < 1 << 31:
        total = own + steps.astype(np.int64)
        return (total if total.any() else None), None
    return whole, real


def _product(ctx: Context, node: Node, value: Value, integers: Array, scale: Array,
             bias: Array | None, columns: tuple[int, ...]) -> Value:
    """``x @ weights`` along the last axis of ``x``."""
    value = cut(ctx, node, materialise(ctx, node, value))
    shape = value.index.shape
    if not shape or shape[-1] != integers.shape[0]:
        raise UnsupportedError(node.label, f"a tensor of shape {shape} meets weights of shape "
                               f"{integers.shape}", "Repair the model")
    vectors = value.index.size // shape[-1]
    channels = ctx.channels(value)
    if vectors > 1:
        return _pointwise(ctx, node, value, integers, scale, bias)
    places = value.index.ravel()
    own = np.tile(np.broadcast_to(value.scale, (channels,)), ctx.size(value) // channels)
    # Elements that are not read have weights of zero, on any scale.
    rows = np.zeros((ctx.size(value), integers.shape[1]), np.int64)
    np.add.at(rows, places, integers)
    scale = scale * own[places, None]
    scales = np.repeat(scale[:1], len(rows), axis=0)
    scales[places] = scale
    if np.any(scales[places] != scale):
        raise LayoutError(node.label, "it reads an element twice, with weights of two scales",
                          "Use one scale an output")
    weights, out_scale = _one_grid(node, rows, scales)
    whole, tail = _split_bias(bias, out_scale, -value.zero_point * weights.sum(axis=0))
    op = Dense(name=ctx.name(node, "dense"), inputs=(value.tensor,), weights=weights,
               weight_type=narrowest(weights), bias=whole)
    index = np.arange(weights.shape[1]).reshape(*shape[:-1], *columns)
    return _finish(ctx, node, ctx.emit(node, op), index, out_scale, tail)


def _pointwise(ctx: Context, node: Node, value: Value, integers: Array, scale: Array,
               bias: Array | None) -> Value:
    """A product for each of several positions: a convolution of one element."""
    shape = value.index.shape
    raster = np.array_equal(value.index.ravel(), np.arange(ctx.size(value)))
    if not raster or (value.scale.ndim and ctx.channels(value) != shape[-1]):
        raise LayoutError(node.label, "its vectors are scattered over the stream",
                          "Keep the multiplied axis innermost, or flatten the tensor before")
    vectors = value.index.size // shape[-1]
    want = (*shape[1:3], shape[-1]) if len(shape) == 4 and shape[0] == 1 \
        else (1, vectors, shape[-1])
    if ctx.tensor(value).shape != want:
        value = ctx.reshape(value, want)
    weights, out_scale = _one_grid(
        node, integers, scale * np.broadcast_to(value.scale, (shape[-1],))[:, None])
    whole, tail = _split_bias(bias, out_scale, -value.zero_point * weights.sum(axis=0))
    op = Conv2d(name=ctx.name(node, "dense"), inputs=(value.tensor,), weights=weights[None, None],
                weight_type=narrowest(weights), bias=whole)
    index = np.arange(vectors * weights.shape[1]).reshape(*shape[:-1], weights.shape[1])
    return _finish(ctx, node, ctx.emit(node, op), index, out_scale, tail)


@converts("MatMul")
def _matmul(ctx: Context, node: Node) -> Value:
    integers, scale = _weights(ctx, node)
    while integers.ndim > 2 and integers.shape[0] == 1:
        integers, scale = integers[0], scale[0]
    columns: tuple[int, ...] = integers.shape[1:]
    if integers.ndim == 1:
        integers, scale = integers[:, None], scale[:, None]
    if integers.ndim != 2:
        raise UnsupportedError(node.label, f"its weights have the shape {integers.shape}",
                               "Use a matrix")
    return _product(ctx, node, ctx.value(node), integers, scale, None, columns)


@converts("Gemm")
def _gemm(ctx: Context, node: Node) -> Value:
    integers, scale = _weights(ctx, node)
    if node.attributes.get("transA", 0):
        raise UnsupportedError(node.label, "it transposes its input", "Export without transA")
    if node.attributes.get("transB", 0):
        integers, scale = integers.T, scale.T
    scale = scale * float(node.attributes.get("alpha", 1.0))
    if integers.ndim != 2 or np.any(scale <= 0):
        raise UnsupportedError(node.label, "its weights are no matrix, or alpha is not positive",
                               "Use a matrix and alpha 1")
    bias = None
    if ctx.get(node, 2) is not None:
        bias = ctx.const(node, 2) * np.float32(node.attributes.get("beta", 1.0))
        if bias.size not in (1, integers.shape[1]):
            raise UnsupportedError(node.label, f"its bias has the shape {bias.shape}",
                                   "Use one element an output")
    return _product(ctx, node, ctx.value(node), integers, scale, bias, (integers.shape[1],))


@converts("Conv")
def _conv(ctx: Context, node: Node) -> Value:
    integers, scale = _weights(ctx, node)
    if not 3 <= integers.ndim <= 4 or integers.ndim != ctx.value(node).index.ndim:
        raise UnsupportedError(node.label, f"weights of shape {integers.shape}",
                               "Only convolutions over one or two dimensions are supported")
    source = spatial(ctx, node, materialise(ctx, node, ctx.value(node)))
    value, shape = source.value, source.shape
    if node.channels_last:  # (outputs, height, width, inputs)
        integers, scale = np.moveaxis(integers, -1, 1), np.moveaxis(scale, -1, 1)
    rank = integers.ndim
    if rank == 3:
        integers, scale = integers[:, :, None], scale[:, :, None]
    outputs, cin, kh, kw = integers.shape
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or outputs % groups or cin * groups != shape[2]:
        raise UnsupportedError(node.label, f"weights of shape {integers.shape} in {groups} groups "
                               f"do not fit {shape[2]} channels", "Repair the model")
    stride, dilation, pads = window(node, shape, (kh, kw))
    own = np.broadcast_to(value.scale, (ctx.channels(value),))[source.channels]
    own = own.reshape(groups, cin)
    own = own[np.arange(outputs) // (outputs // groups)]  # (outputs, cin)
    weights, out_scale = _one_grid(
        node, integers.transpose(2, 3, 1, 0), (scale * own[:, :, None, None]).transpose(2, 3, 1, 0))
    if not source.whole:
        weights = _spread_inputs(node, source, weights, groups)
    bias = None if ctx.get(node, 2) is None else ctx.const(node, 2)
    if bias is not None and bias.size != outputs:
        raise UnsupportedError(node.label, f"its bias has the shape {bias.shape}",
                               "Use one element an output")
    whole, tail = _split_bias(bias, out_scale, -value.zero_point * weights.sum(axis=(0, 1, 2)))
    name = ctx.name(node, "conv")
    tensor = value.tensor
    if any(pads):
        tensor = ctx.emit(node, Pad(name=ctx.names.take(f"{name}_pad"), inputs=(tensor,),
                                    pads=pads, value=value.zero_point))
    op = Conv2d(name=name, inputs=(tensor,), weights=weights, weight_type=narrowest(weights),
                bias=whole, stride=stride, dilation=dilation, groups=groups)
    ctx.emit(node, op)
    index = spread(ctx.tensors[name].shape, rank, node.channels_last)
    return _finish(ctx, node, name, index, out_scale, tail)


def _spread_inputs(node: Node, source: FeatureMap, weights: Array, groups: int) -> Array:
    """Weights for all channels of a tensor of which some are read, perhaps in another order."""
    if groups > 1:
        raise LayoutError(node.label, "the channels before it are selected or shuffled, and it "
                          "works in groups", "Shuffle before a convolution without groups")
    wide = np.zeros((*weights.shape[:2], source.every, weights.shape[3]), np.int64)
    np.add.at(np.moveaxis(wide, 2, 0), source.channels, np.moveaxis(weights, 2, 0))
    return wide
