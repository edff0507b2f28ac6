"""Converters of what ends a classifier, and what is left to the host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..network import ArgMax
from .context import Context, converts
from .quantise import no_quantiser
from .reader import Node
from .values import Value

__all__ = ["HOST_OPERATORS", "leave_to_host"]

Array = np.ndarray[Any, Any]

HOST_OPERATORS = frozenset({
    "Add", "ArgMax", "Cast", "Div", "Exp", "Flatten", "Identity", "LogSoftmax", "Mul", "Reshape",
    "Sigmoid", "Softmax", "Squeeze", "Sub", "Tanh", "TopK", "Transpose", "Unsqueeze", "Relu",
    "Clip", "HardSigmoid", "Neg",
})
"""Operators that the host may compute after the last integer tensor."""

# Integers up to here are tried one by one to see whether the order of logits is kept.
_MAX_RANGE = 1 << 22


def leave_to_host(node: Node, value: Value) -> Value:
    """The value, with a note that the host computes the node."""
    return replace(value, host=(*value.host, f"{node.op.lower()} ({node.name})" if node.name
                                else node.op.lower()))


@converts("Softmax", "LogSoftmax")
def _softmax(ctx: Context, node: Node) -> Value:
    return leave_to_host(node, ctx.value(node))


@converts("ArgMax", "TopK")
def _argmax(ctx: Context, node: Node) -> Value:
    value = ctx.value(node)
    if value.raw:
        raise no_quantiser(ctx, node, value)
    rank = value.index.ndim
    axis = int(node.attributes.get("axis", -1 if node.op == "TopK" else 0)) % rank
    last = np.moveaxis(value.index, axis, -1)
    channels = ctx.channels(value)
    position, channel = np.divmod(last, channels)
    in_order = last.shape[-1] == channels and np.all(channel == np.arange(channels)) \
        and np.all(position == position[..., :1])
    if not (in_order and _is_first_of_one(ctx, node) and _keeps_order(ctx, value)):
        return leave_to_host(node, value)
    name = ctx.emit(node, ArgMax(name=ctx.name(node, "argmax"), inputs=(value.tensor,)))
    index = position[..., 0]
    if node.op == "TopK" or node.attributes.get("keepdims", 1):
        index = np.expand_dims(index, axis)
    return Value(name, index, np.ones(()))


def _is_first_of_one(ctx: Context, node: Node) -> bool:
    if node.op == "ArgMax":
        return not node.attributes.get("select_last_index", 0)
    k = node.attributes.get("k")
    k = ctx.const(node, 1) if k is None else np.asarray(k)
    values, indices = (*node.outputs, "")[:2]
    if ctx.uses[values] or not ctx.uses[indices]:
        raise UnsupportedError(node.label, "its values are used", "Use the indices alone")
    return bool(np.all(k == 1) and node.attributes.get("largest", 1))


def _keeps_order(ctx: Context, value: Value) -> bool:
    """Whether the largest integer is the largest real, ties included."""
    tensor = ctx.tensor(value)
    if not value.uniform or value.scale <= 0 or tensor.hi - tensor.lo > _MAX_RANGE:
        return False
    reals = value.evaluate(np.arange(tensor.lo, tensor.hi + 1)[None])
    return bool(np.all(np.diff(reals) > 0))
