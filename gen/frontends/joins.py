"""Converters of operations on several computed tensors: residual sums, concatenation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...rtl_templates.types import IntType
from ..errors import UnsupportedError
from ..network import Add, Concat, Multiply, Requantize
from .context import Context, LayoutError, converts
from .layouts import in_blocks, spread
from .quantise import materialise
from .reader import Node
from .selection import cut
from .values import Pair, Step, Value, squeeze_uniform

__all__ = ["add_values", "function_of_one", "multiply_values"]

Array = np.ndarray[Any, Any]

# Largest multiplier that brings two summands to one grid.
_MAX_MULTIPLIER = 1 << 12


def _ratio(a: Array, b: Array) -> Fraction | None:
    """``a / b``, the same for all channels, exactly; None if it is not small."""
    a, b = np.broadcast_arrays(a, b)
    pairs = set(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
    ratios = {Fraction(x) / Fraction(y) for x, y in pairs}
    ratio = ratios.pop()
    if ratios or max(abs(ratio.numerator), ratio.denominator) > _MAX_MULTIPLIER:
        return None
    return ratio


def _pair(ctx: Context, node: Node, a: Value, b: Value, sign: int) -> Value:
    """A sum or product that becomes one operation with the quantiser behind it."""
    if a.scale.ndim or b.scale.ndim:
        what = "have no small common grid" if sign else "are not powers of two"
        raise UnsupportedError(
            node.label, f"its operands have scales that differ from channel to channel and {what}",
            "Quantise both operands with one scale for the whole tensor")
    name = ctx.name(node, {1: "add", -1: "sub", 0: "mul"}[sign])
    ctx.pairs[name] = Pair(node.label, a, b, sign)
    return Value(name, a.index, np.ones(()))


def _align(ctx: Context, node: Node, a: Value, b: Value) -> Value:
    """``a`` on a network tensor of the shape of that of ``b``."""
    shape = ctx.tensor(b).shape
    if ctx.tensor(a).shape == shape:
        return a
    if a.scale.ndim:
        raise LayoutError(node.label, "an operand with one scale a channel was reshaped",
                          "Use one scale for the whole tensor")
    return ctx.reshape(a, shape)


def _facing(ctx: Context, node: Node) -> tuple[Value, Value, Array]:
    """Both operands as integers of tensors of one shape, and where the results are."""
    a = materialise(ctx, node, ctx.value(node, 0))
    b = materialise(ctx, node, ctx.value(node, 1))
    if not (a.index.shape == b.index.shape and ctx.size(a) == ctx.size(b)
            and np.array_equal(a.index, b.index)):
        a, b = (in_blocks(ctx, node, cut(ctx, node, x, channels=True)) for x in (a, b))
    if ctx.size(a) != ctx.size(b) or not np.array_equal(a.index, b.index):
        raise LayoutError(
            node.label, f"its operands, of shapes {a.index.shape} and {b.index.shape}, do not "
            "meet element by element", "Only tensors of one shape and layout can be joined")
    return _align(ctx, node, a, b), b, b.index


def add_values(ctx: Context, node: Node, sign: int) -> Value:
    """``a + sign * b`` for two computed tensors."""
    a, b, index = _facing(ctx, node)
    ratio = _ratio(a.scale, b.scale)
    if ratio is None:
        return _pair(ctx, node, a, b, sign)
    multipliers = (ratio.numerator, sign * ratio.denominator)
    op = Add(name=ctx.name(node, "add" if sign > 0 else "sub"), inputs=(a.tensor, b.tensor),
             multipliers=multipliers)
    scale = np.broadcast_to(a.scale / ratio.numerator,
                            np.broadcast_shapes(a.scale.shape, b.scale.shape))
    return Value(ctx.emit(node, op), index, squeeze_uniform(scale),
                 multipliers[0] * a.zero_point + multipliers[1] * b.zero_point, exclusive=True)


def function_of_one(ctx: Context, node: Node, function: Callable[[Array, Array], Array],
                    ) -> Value | None:
    """A function of two values that both come of one integer, as one step; else None.

    So exporters write what a runtime has no operator for: ``x * sigmoid(x)`` and the like.
    """
    a, b = ctx.value(node, 0), ctx.value(node, 1)
    if a.raw or a.tensor != b.tensor or a.tensor in ctx.pairs or a.zero_point != b.zero_point \
            or not np.array_equal(a.index, b.index) or not np.array_equal(a.scale, b.scale):
        return None
    common = 0
    while a.steps[common:] and b.steps[common:] and a.steps[common] is b.steps[common]:
        common += 1
    branches = a.steps[common:], b.steps[common:]
    # A quantiser or a plain sum further up joins what is affine.
    if node.op != "Mul" and all(step.affine is not None for branch in branches
                                for step in branch):
        return None
    counts = [[len(step.constants) for step in branch] for branch in branches]

    def joined(x: Array, *constants: Array) -> Array:
        ends, position = [], 0
        for branch, sizes in zip(branches, counts, strict=True):
            y = x
            for step, size in zip(branch, sizes, strict=True):
                y = step.function(y, *constants[position : position + size])
                position += size
            ends.append(y)
        return function(*ends)

    constants = tuple(c for branch in branches for step in branch for c in step.constants)
    return replace(a, steps=(*a.steps[:common], Step(node.label, joined, constants,
                                                     monotone=False)))


def multiply_values(ctx: Context, node: Node) -> Value:
    """``a * b`` for two computed tensors."""
    a, b, index = _facing(ctx, node)
    if not all(np.all(np.frexp(v.scale)[0] == 0.5) for v in (a, b)):
        return _pair(ctx, node, a, b, 0)  # such a product is rounded twice
    op = Multiply(name=ctx.name(node, "mul"), inputs=(a.tensor, b.tensor),
                  offsets=(-a.zero_point, -b.zero_point))
    return Value(ctx.emit(node, op), index, squeeze_uniform(a.scale * b.scale), exclusive=True)


@converts("Concat")
def _concat(ctx: Context, node: Node) -> Value:
    values = (materialise(ctx, node, ctx.value(node, i)) for i in range(len(node.inputs)))
    parts = [in_blocks(ctx, node, cut(ctx, node, value, channels=True)) for value in values]
    if len(parts) == 1:
        return parts[0]
    zero = parts[0].zero_point
    parts = [p if p.zero_point == zero else _shift_zero(ctx, node, p, zero) for p in parts]
    if (joined := _along_the_map(ctx, node, parts)) is not None:
        return joined
    shapes = [ctx.tensor(p).shape for p in parts]
    if any(ctx.size(p) != p.index.size for p in parts):
        raise LayoutError(node.label, "an operand is not a whole tensor", "Join whole tensors")
    total = sum(s[2] for s in shapes)
    axis = int(node.attributes.get("axis", 1))
    places, start = [], 0
    for part, shape in zip(parts, shapes, strict=True):
        position, channel = np.divmod(part.index, shape[2])
        places.append(position * total + channel + start)
        start += shape[2]
    try:
        index = np.concatenate(places, axis=axis)
    except ValueError as error:
        raise UnsupportedError(node.label, f"its operands do not fit: {error}",
                               "Repair the model") from None
    scale = np.concatenate([np.broadcast_to(p.scale, (s[2],))
                            for p, s in zip(parts, shapes, strict=True)])
    op = Concat(name=ctx.name(node, "concat"), inputs=tuple(p.tensor for p in parts))
    return Value(ctx.emit(node, op), index, squeeze_uniform(scale), zero, exclusive=True)


def _along_the_map(ctx: Context, node: Node, parts: list[Value]) -> Value | None:
    """Feature maps joined along their height or width; None if that is not what is to be done.

    As the model's output they are left side by side as channels: nothing needs to wait there.
    """
    rank = parts[0].index.ndim
    axis = int(node.attributes.get("axis", 1)) % rank
    if rank not in (3, 4) or node.output in ctx.graph.outputs:
        return None
    for last in (False, True):
        along = axis - (1 if last else 2) + 4 - rank  # 0: height, 1: width
        if not 4 - rank <= along < 2 or not all(
                np.array_equal(p.index, spread(ctx.tensor(p).shape, rank, last)) for p in parts):
            continue
        if any(not np.array_equal(p.scale, parts[0].scale) for p in parts):
            raise UnsupportedError(node.label, "its operands have different scales",
                                   "Quantise them with one scale")
        name = ctx.emit(node, Concat(name=ctx.name(node, "concat"), axis=along,
                                     inputs=tuple(p.tensor for p in parts)))
        index = spread(ctx.tensors[name].shape, rank, last)
        return Value(name, index, parts[0].scale, parts[0].zero_point, exclusive=True)
    return None


def _shift_zero(ctx: Context, node: Node, value: Value, zero: int) -> Value:
    """The value with another zero point."""
    tensor, shift = ctx.tensor(value), zero - value.zero_point
    op = Requantize(name=ctx.names.take(f"{value.tensor}_zero"), inputs=(value.tensor,),
                    multiplier=np.array([1]), offset=np.array([shift]), shift=0,
                    type=IntType.for_range(tensor.lo + shift, tensor.hi + shift))
    return replace(value, tensor=ctx.emit(node, op), zero_point=zero)
