"""Converters of quantisers: Quant, BipolarQuant, Trunc, MultiThreshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant, max_int, min_int, resolve_rounding_mode
from qonnx.custom_op.general.multithreshold import multithreshold
from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

from ..errors import UnsupportedError
from .context import Context, converts
from .quantise import quantise
from .reader import Node
from .values import Const, Step, Value

__all__ = ["MAX_BITS", "positive_scale"]

Array = np.ndarray[Any, Any]

MAX_BITS = 16
"""Most bits of integers that tensors between layers are quantised to."""
_MAX_WHOLE = 1 << 24
# Integers times scales of this range neither vanish nor overflow in float32.
_SCALES = (1e-20, 1e20)


def _scalar(ctx: Context, node: Node, position: int, what: str) -> Array:
    """A parameter that must be one number for the whole tensor, as an array of shape ()."""
    array = ctx.const(node, position)
    if array.size == 0 or np.any(array != array.flat[0]):
        raise UnsupportedError(node.label, f"its {what} differs from element to element",
                               f"Use one {what} for the whole tensor")
    return np.asarray(array.flat[0])


def _whole(ctx: Context, node: Node, position: int, what: str) -> Array:
    array = _scalar(ctx, node, position, what)
    if array != np.rint(array) or abs(array) > _MAX_WHOLE:
        raise UnsupportedError(node.label, f"its {what} {array!s} is not a whole number that "
                               "float32 counts to", f"Use a whole {what}")
    return array


def _bits(ctx: Context, node: Node, position: int) -> Array:
    bits = _whole(ctx, node, position, "bit width")
    if not 1 <= bits <= 32:
        raise UnsupportedError(node.label, f"its bit width is {bits!s}", "Use 1 to 16 bits")
    return bits


def positive_scale(ctx: Context, node: Node, position: int) -> Array:
    """Scales that must be constant, positive and of a range that float32 multiplies in."""
    scale = ctx.const(node, position)
    if scale.size == 0 or scale.min() <= 0:
        raise UnsupportedError(node.label, "its scale is not positive", "Use a positive scale")
    if scale.min() < _SCALES[0] or scale.max() > _SCALES[1]:
        raise UnsupportedError(node.label, f"its scale leaves the range {_SCALES[0]} to "
                               f"{_SCALES[1]}", "Repair the weights and export again")
    return scale


def _rounding(node: Node, default: str) -> str:
    mode = str(node.attributes.get("rounding_mode", default))
    try:
        resolve_rounding_mode(mode)
    except ValueError:
        raise UnsupportedError(node.label, f"unknown rounding mode {mode!r}",
                               "Use one of those that QONNX defines") from None
    return mode


@converts("Quant", "IntQuant")
def _quant(ctx: Context, node: Node) -> Value | Const:
    scale = positive_scale(ctx, node, 1)
    zero = _whole(ctx, node, 2, "zero point")
    bits = _bits(ctx, node, 3)
    signed = bool(node.attributes.get("signed", 1))
    narrow = bool(node.attributes.get("narrow", 1))
    mode = _rounding(node, "ROUND")
    x = ctx.get(node, 0)
    if isinstance(x, Const):
        array = ctx.finite(node, x.array)
        wide = np.broadcast_to(scale, np.broadcast_shapes(array.shape, scale.shape))
        with np.errstate(over="ignore"):
            y = np.asarray(int_quant(array, scale, zero, bits, signed, narrow, mode), np.float32)
        ctx.finite(node, y)
        return Const(y, np.rint(y / wide.astype(np.float64)).astype(np.int64), wide)
    value, scale = ctx.per_channel(node, ctx.value(node), scale)
    if bits > MAX_BITS:
        raise UnsupportedError(node.label, f"it quantises to {int(bits)} bits",
                               f"Use at most {MAX_BITS} bits")
    bipolar = bool(bits == 1 and signed)

    def levels(v: Array) -> Array:
        y = int_quant(v, scale, zero, bits, signed, narrow, mode)
        q = np.rint(y.astype(np.float64) / scale + zero).astype(np.int64)
        return q > 0 if bipolar else q

    span = (int(min_int(signed, narrow, bits)), int(max_int(signed, narrow, bits)))
    return quantise(ctx, node, value, levels, scale=scale.reshape(-1) if scale.ndim else scale,
                    zero_point=int(zero), bipolar=bipolar, uniform=scale.ndim == 0, span=span)


@converts("BipolarQuant")
def _bipolar_quant(ctx: Context, node: Node) -> Value | Const:
    scale = positive_scale(ctx, node, 1)
    x = ctx.get(node, 0)
    if isinstance(x, Const):
        array = ctx.finite(node, x.array)
        wide = np.broadcast_to(scale, np.broadcast_shapes(array.shape, scale.shape))
        y = ctx.finite(node, np.asarray(binary_quant(array, scale), np.float32))
        return Const(y, np.where(y > 0, 1, -1), wide)
    value, scale = ctx.per_channel(node, ctx.value(node), scale)
    return quantise(ctx, node, value, lambda v: (binary_quant(v, scale) > 0).astype(np.int64),
                    scale=scale.reshape(-1) if scale.ndim else scale, bipolar=True,
                    uniform=scale.ndim == 0, span=(-1, 1))


@converts("Trunc")
def _trunc(ctx: Context, node: Node) -> Value:
    scale = positive_scale(ctx, node, 1)
    zero = _whole(ctx, node, 2, "zero point")
    bits_in = _bits(ctx, node, 3)
    mode = _rounding(node, "FLOOR")
    value, scale = ctx.per_channel(node, ctx.value(node), scale)
    if len(node.inputs) < 6:  # first version: the scale stays, the integers shrink
        bits = _bits(ctx, node, 4)
        out_scale, out_zero = scale, zero

        def real(v: Array) -> Array:
            return np.asarray(trunc_v1(v, scale, zero, bits_in, bits, mode))
    else:
        bits = _bits(ctx, node, 5)
        signed = bool(node.attributes.get("signed", 1))
        narrow = bool(node.attributes.get("narrow", 0))
        value, out_scale = ctx.per_channel(node, value, positive_scale(ctx, node, 4))
        out_zero = zero / 2 ** np.round(np.log2(out_scale / scale))
        if np.any(out_zero != np.rint(out_zero)) or np.any(out_zero != np.ravel(out_zero)[0]):
            raise UnsupportedError(node.label, "the zero point is not whole after truncation",
                                   "Use the zero point 0")
        out_zero = np.asarray(np.ravel(out_zero)[0])

        def real(v: Array) -> Array:
            return np.asarray(trunc_v2(v, scale, zero, bits_in, narrow, signed, out_scale, bits,
                                       mode))

    def levels(v: Array) -> Array:
        return np.rint(real(v).astype(np.float64) / out_scale + out_zero).astype(np.int64)

    return quantise(ctx, node, value, levels, zero_point=int(out_zero),
                    scale=out_scale.reshape(-1) if out_scale.ndim else out_scale,
                    uniform=scale.ndim == 0 and out_scale.ndim == 0)


@converts("MultiThreshold")
def _multithreshold(ctx: Context, node: Node) -> Value:
    value = ctx.value(node)
    table = ctx.const(node, 1)
    rank = value.index.ndim
    layout = node.attributes.get("data_layout") or {2: "NC", 3: "NWC", 4: "NCHW"}.get(rank, "NC")
    axis = layout.index("C") if "C" in layout else 1
    if table.ndim != 2 or not table.size or axis >= rank \
            or table.shape[0] not in (1, value.index.shape[axis]):
        raise UnsupportedError(node.label, f"thresholds of shape {table.shape} for a tensor of "
                               f"shape {value.index.shape}", "Give one row a channel, or one")
    columns = []
    for column in table.T:
        shape = [1] * rank
        shape[axis] = table.shape[0]
        columns.append(column.reshape(shape))
    # All columns must stand on one tensor, also where one of them turns positions into channels.
    for column in columns:
        value, _ = ctx.per_channel(node, value, column)
    channels = ctx.channels(value)
    rows = np.concatenate([np.broadcast_to(ctx.per_channel(node, value, column)[1], (channels, 1))
                           for column in columns], axis=1)
    uniform = bool(np.all(rows == rows[0]))
    rows = rows[:1] if uniform else rows

    def levels(v: Array) -> Array:
        return multithreshold(v[None], rows).astype(np.int64)[0]

    scale = float(node.attributes.get("out_scale", 1.0))
    bias = float(node.attributes.get("out_bias", 0.0))
    if scale <= 0 or not np.isfinite([scale, bias]).all():
        raise UnsupportedError(node.label, f"its out_scale is {scale}", "Use a positive one")
    if table.shape[1] == 1 and bias == -scale / 2:
        return quantise(ctx, node, value, levels, scale=np.asarray(-bias), bipolar=True,
                        uniform=uniform)
    shift = round(bias / scale)
    if shift * scale == bias:
        return quantise(ctx, node, value, lambda v: levels(v) + shift, scale=np.asarray(scale),
                        uniform=uniform)
    result = quantise(ctx, node, value, levels, scale=np.asarray(scale), uniform=uniform)
    offset = np.float32(bias)
    return result.then(Step(node.label, lambda v: v + offset,
                            affine=(np.ones(()), np.asarray(bias))))
