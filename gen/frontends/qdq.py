"""Converters of QuantizeLinear and DequantizeLinear, as PyTorch and onnxruntime export them.

The tensor between the two holds integers, which is what the network computes on: one node sets
the grid on which reals become integers, the other says what the integers stand for. What lies
between a DequantizeLinear and the next QuantizeLinear is computed on reals, in float32; sums of
products are taken to be exact, whatever order and width a runtime's kernels add them up in.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from ..errors import UnsupportedError
from .context import Context, converts
from .quantise import materialise, quantise
from .quantisers import MAX_BITS, positive_scale
from .reader import Node
from .values import Const, Value

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def _parameters(ctx: Context, node: Node, rank: int) -> tuple[Array, Array]:
    """Scale and zero point, each of shape () or of a tensor of that rank, along one axis."""
    scale = positive_scale(ctx, node, 1)
    if int(node.attributes.get("block_size", 0)):
        raise UnsupportedError(node.label, "it scales blocks of a tensor",
                               "Use one scale, or one a channel")
    zero = ctx.const(node, 2, np.zeros(scale.shape, np.int64)).astype(np.int64)
    if zero.size != scale.size:  # one of each may be () beside (1,), as exporters write them
        raise UnsupportedError(node.label, f"{zero.size} zero points for {scale.size} scales",
                               "Give as many zero points as scales")
    if scale.size == 1:
        return scale.reshape(()).astype(np.float32), zero.reshape(())
    axis = int(node.attributes.get("axis", 1))
    if scale.ndim != 1 or not -rank <= axis < rank:
        raise UnsupportedError(node.label, f"scales of shape {scale.shape} on axis {axis} for a "
                               f"tensor of rank {rank}", "Use one scale, or one a channel")
    shape = [1] * rank
    shape[axis] = scale.size
    return scale.astype(np.float32).reshape(shape), zero.reshape(shape)


def _one_zero(node: Node, zero: Array) -> int:
    """The zero point of a computed tensor, which must be the same in all channels."""
    if np.any(zero != zero.flat[0]):
        raise UnsupportedError(node.label, "its zero point differs from channel to channel",
                               "Use one zero point for the whole tensor")
    return int(zero.flat[0])


def _range(ctx: Context, node: Node) -> tuple[int, int]:
    """Least and largest integer: of the zero point's type, else of the stated one, else uint8."""
    zero = ctx.get(node, 2)
    if isinstance(zero, Const):
        kind = zero.array.dtype.name
    else:
        stated = int(node.attributes.get("output_dtype", 0)) or onnx.TensorProto.UINT8
        kind = onnx.TensorProto.DataType.Name(stated).lower()
    match = re.fullmatch(r"(u?)int(\d+)", kind)
    if match is None or int(match[2]) > MAX_BITS:
        raise UnsupportedError(node.label, f"it quantises to {kind}",
                               f"Use integers of at most {MAX_BITS} bits")
    bits = int(match[2])
    return (0, (1 << bits) - 1) if match[1] else (-(1 << bits - 1), (1 << bits - 1) - 1)


def _clipped(ctx: Context, node: Node, lo: int, hi: int) -> tuple[int, int]:
    """The range after a Clip that alone reads the result: integers of fewer bits than a type."""
    reader = next((n for n in ctx.graph.nodes if node.output in n.inputs), None)
    if ctx.uses[node.output] != 1 or reader is None or reader.op != "Clip":
        return lo, hi
    ends = [ctx.values.get(name) for name in reader.inputs[1:3]]
    bounds = [int(end.array) if isinstance(end, Const) and end.array.size == 1 else None
              for end in ends]
    least, most = (*bounds, None, None)[:2]
    least, most = lo if least is None else max(lo, least), hi if most is None else min(hi, most)
    return (least, most) if least < most else (lo, hi)


@converts("QuantizeLinear")
def _quantize(ctx: Context, node: Node) -> Value | Const:
    lo, hi = _clipped(ctx, node, *_range(ctx, node))
    x = ctx.get(node, 0)

    def integers(v: Array, scale: Array, zero: Array) -> Array:
        with np.errstate(over="ignore"):
            steps = np.rint(v.astype(np.float32) / scale)
        return np.clip(steps.astype(np.float64) + zero, lo, hi).astype(np.int64)

    if isinstance(x, Const):
        return Const(integers(ctx.finite(node, x.array), *_parameters(ctx, node, x.array.ndim)))
    value = ctx.value(node)
    scale, zero = _parameters(ctx, node, value.index.ndim)
    offset = _one_zero(node, zero)
    value, scale = ctx.per_channel(node, value, scale)
    result = quantise(ctx, node, value, lambda v: integers(v, scale, np.asarray(offset)),
                      scale=scale.reshape(-1) if scale.ndim else scale, zero_point=offset,
                      uniform=scale.ndim == 0, span=(lo, hi))
    return replace(result, scale=np.ones(()), zero_point=0)


@converts("DequantizeLinear")
def _dequantize(ctx: Context, node: Node) -> Value | Const:
    x = ctx.get(node, 0)
    if isinstance(x, Const):
        scale, zero = _parameters(ctx, node, x.array.ndim)
        integers = ctx.finite(node, x.array).astype(np.int64) - zero
        wide = np.broadcast_to(scale, integers.shape)
        return Const(integers.astype(np.float32) * wide, integers, wide)
    value = ctx.value(node)
    if not value.raw and np.all(value.scale == 1) and not value.zero_point:
        value = materialise(ctx, node, value)  # integers may have been clipped
    if value.raw or value.steps or value.zero_point or np.any(value.scale != 1):
        raise UnsupportedError(node.label, "it reads a tensor that does not hold integers",
                               "Put a QuantizeLinear before it")
    scale, zero = _parameters(ctx, node, value.index.ndim)
    offset = _one_zero(node, zero)
    value, scale = ctx.per_channel(node, value, scale)
    scale = scale.astype(np.float64)
    return replace(value, scale=scale.reshape(-1) if scale.ndim else scale,
                   zero_point=offset)
