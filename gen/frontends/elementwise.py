"""Converters of elementwise operations: they become pending steps in the source's arithmetic.

Constants, float32 arithmetic and its order are the source's; where ONNX leaves the order open
(batch normalisation), onnxruntime's is taken.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .context import Context, converts
from .joins import add_values, function_of_one, multiply_values
from .reader import Node
from .values import Const, Step, Value

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def _like(x: Array, constant: Array) -> Array:
    """The constant in the type of the other operand, as ONNX demands."""
    return constant.astype(x.dtype, copy=False)


def _sign(constant: Array) -> Array:
    """-1 where negative, else 1, of shape () or (channels,)."""
    sign = np.where(constant < 0, -1, 1)
    return sign.reshape(-1) if sign.ndim else sign


def _flat(constant: Array) -> Array:
    constant = constant.astype(np.float64)
    return constant.reshape(-1) if constant.ndim else constant


def _operand(ctx: Context, node: Node) -> tuple[Value, Array, bool]:
    """The variable operand, the constant one a channel, and whether the constant comes first."""
    a, b = ctx.get(node, 0), ctx.get(node, 1)
    first = isinstance(a, Const)
    if isinstance(a, Const) == isinstance(b, Const):
        raise UnsupportedError(node.label, "it combines two computed tensors",
                               "Only sums, differences and products of two tensors are supported")
    value = ctx.value(node, 1 if first else 0)
    value, constant = ctx.per_channel(node, value, ctx.const(node, 0 if first else 1))
    return value, constant, first


@converts("Mul")
def _mul(ctx: Context, node: Node) -> Value:
    if isinstance(ctx.get(node, 0), Value) and isinstance(ctx.get(node, 1), Value):
        return function_of_one(ctx, node, np.multiply) or multiply_values(ctx, node)
    value, c, _ = _operand(ctx, node)
    return value.then(Step(node.label, lambda x, c: x * _like(x, c), (c,), _sign(c),
                           (_flat(c), np.zeros(()))))


@converts("Div")
def _div(ctx: Context, node: Node) -> Value:
    value, c, first = _operand(ctx, node)
    if first or np.any(c == 0):
        raise UnsupportedError(node.label, "it divides by a tensor or by zero",
                               "Divide by constants other than zero")

    def divide(x: Array, c: Array) -> Array:
        c = _like(x, c)
        if np.issubdtype(x.dtype, np.integer):  # ONNX truncates, Python floors
            return np.sign(x) * np.sign(c) * (np.abs(x) // np.abs(c))
        return x / c

    return value.then(Step(node.label, divide, (c,), _sign(c), (1 / _flat(c), np.zeros(()))))


@converts("Add")
def _add(ctx: Context, node: Node) -> Value:
    if isinstance(ctx.get(node, 0), Value) and isinstance(ctx.get(node, 1), Value):
        return function_of_one(ctx, node, np.add) or add_values(ctx, node, 1)
    value, c, _ = _operand(ctx, node)
    return value.then(Step(node.label, lambda x, c: x + _like(x, c), (c,),
                           affine=(np.ones(()), _flat(c))))


@converts("Sub")
def _sub(ctx: Context, node: Node) -> Value:
    if isinstance(ctx.get(node, 0), Value) and isinstance(ctx.get(node, 1), Value):
        return function_of_one(ctx, node, np.subtract) or add_values(ctx, node, -1)
    value, c, first = _operand(ctx, node)
    if first:
        return value.then(Step(node.label, lambda x, c: _like(x, c) - x, (c,), -1,
                               (-np.ones(()), _flat(c))))
    return value.then(Step(node.label, lambda x, c: x - _like(x, c), (c,),
                           affine=(np.ones(()), -_flat(c))))


@converts("Neg")
def _neg(ctx: Context, node: Node) -> Value:
    return ctx.value(node).then(Step(node.label, np.negative, sign=-1,
                                     affine=(-np.ones(()), np.zeros(()))))


@converts("BatchNormalization")
def _batch_normalization(ctx: Context, node: Node) -> Value:
    value = ctx.value(node)
    if node.attributes.get("training_mode", 0) or len([o for o in node.outputs if o]) > 1:
        raise UnsupportedError(node.label, "it is in training mode", "Export for inference")
    rank = value.index.ndim
    axis = rank - 1 if node.channels_last else 1
    channels = value.index.shape[axis] if rank > axis else -1
    parameters = []
    for position in range(1, 5):
        p = ctx.const(node, position)
        if p.size != channels:
            raise UnsupportedError(node.label, f"{p.size} parameters for {channels} channels",
                                   "Repair the model")
        parameters.append(p.reshape([-1 if i == axis else 1 for i in range(rank)]))
    gamma, beta, mean, variance = parameters
    epsilon = np.float32(node.attributes.get("epsilon", 1e-5))
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = gamma * (np.float32(1) / np.sqrt(variance + epsilon))
        offset = beta - mean * factor
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise UnsupportedError(node.label, "its variance is negative or zero",
                               "Repair the weights and export again")
    # One after another: either may turn positions into channels.
    value, _ = ctx.per_channel(node, value, factor)
    value, b = ctx.per_channel(node, value, offset)
    value, a = ctx.per_channel(node, value, factor)
    return value.then(Step(node.label, lambda x, a, b: x * a + b, (a, b), _sign(a),
                           (_flat(a), _flat(b))))


@converts("Relu")
def _relu(ctx: Context, node: Node) -> Value:
    return ctx.value(node).then(Step(node.label, lambda x: np.maximum(x, x.dtype.type(0)),
                                     clips=True))


@converts("Clip")
def _clip(ctx: Context, node: Node) -> Value:
    lo = ctx.const(node, 1, node.attributes.get("min", -np.inf)).reshape(())
    hi = ctx.const(node, 2, node.attributes.get("max", np.inf)).reshape(())
    if not lo <= hi:
        raise UnsupportedError(node.label, f"it clips to {lo} to {hi}", "Use a range")

    def clip(x: Array) -> Array:
        if np.isfinite(lo):
            x = np.maximum(x, lo.astype(x.dtype))
        return np.minimum(x, hi.astype(x.dtype)) if np.isfinite(hi) else x

    return ctx.value(node).then(Step(node.label, clip, clips=True))


@converts("LeakyRelu")
def _leaky_relu(ctx: Context, node: Node) -> Value:
    alpha = np.float32(node.attributes.get("alpha", 0.01))
    return ctx.value(node).then(Step(node.label, lambda x: np.where(x >= 0, x, alpha * x),
                                     monotone=bool(alpha >= 0)))


@converts("PRelu")
def _prelu(ctx: Context, node: Node) -> Value:
    value, slope = ctx.per_channel(node, ctx.value(node), ctx.const(node, 1))
    return value.then(Step(node.label, lambda x, s: np.where(x < 0, x * _like(x, s), x),
                           (slope,), monotone=bool(np.all(slope >= 0))))


_INTEGERS = {2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64}


def _held(ctx: Context, node: Node, limits: Any) -> Value | None:
    """The input, if it is integers already that fit a type, as behind a QuantizeLinear."""
    value = ctx.value(node)
    if value.raw or value.steps or value.zero_point or np.any(value.scale != 1) \
            or value.tensor in ctx.pairs:
        return None
    tensor = ctx.tensor(value)
    return value if limits.min <= tensor.lo and tensor.hi <= limits.max else None


@converts("Cast")
def _cast(ctx: Context, node: Node) -> Value:
    to = node.attributes.get("to")
    if to == 1:
        return ctx.value(node).then(Step(node.label, lambda x: x.astype(np.float32),
                                         affine=(np.ones(()), np.zeros(()))))
    if to in _INTEGERS and (held := _held(ctx, node, np.iinfo(_INTEGERS[to]))) is not None:
        return held
    if to not in (6, 7):
        # Narrow types wrap on overflow, which is not monotone.
        raise UnsupportedError(node.label, f"a cast to ONNX type {to} inside the network",
                               "Only casts to float, int32 and int64 are supported")
    target = _INTEGERS[to]

    def cast(x: Array) -> Array:
        limit = math.ldexp(1.0, 62 if to == 7 else 31)
        if np.issubdtype(x.dtype, np.floating) and np.abs(x).max(initial=0) >= limit:
            raise UnsupportedError(node.label, "values overflow in the cast", "Clip before it")
        return x.astype(target)

    return ctx.value(node).then(Step(node.label, cast, rounds=True))
