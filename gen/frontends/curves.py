"""Converters of functions of one real: they become pending steps in the source's arithmetic.

Exponentials and what is made of them are computed in float64 and rounded to the source's type
once: runtimes' own approximations lie within a unit in the last place of that. What consists of
plain sums and products is computed in the source's type, in onnxruntime's order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .context import Context, converts
from .reader import Node
from .values import Step, Value

__all__: list[str] = []

Array = np.ndarray[Any, Any]
Curve = Callable[[Array], Array]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _register(operator: str, function: Curve, *, rounds: bool = False,
              monotone: bool = True) -> None:
    @converts(operator)
    def convert(ctx: Context, node: Node) -> Value:
        return ctx.value(node).then(Step(node.label, function, rounds=rounds, monotone=monotone))


def _wide(function: Curve) -> Curve:
    """A function that is computed in float64."""

    def rounded(x: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            return np.asarray(function(x.astype(np.float64))).astype(x.dtype)

    return rounded


def _parameter(node: Node, key: str, default: float) -> np.float32:
    """A node's attribute, which must be finite."""
    value = np.float32(node.attributes.get(key, default))
    if not np.isfinite(value):
        raise UnsupportedError(node.label, f"its {key} is not finite (NaN or infinity)",
                               "Repair the model")
    return value


def _rises(*slopes: np.float32) -> bool:
    return all(slope >= 0 for slope in slopes)


def _softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


_register("Abs", np.abs, monotone=False)
_register("Ceil", np.ceil, rounds=True)
_register("Erf", _wide(_erf))
_register("Exp", _wide(np.exp))
_register("Floor", np.floor, rounds=True)
_register("Mish", _wide(lambda x: x * np.tanh(_softplus(x))), monotone=False)
_register("Round", np.rint, rounds=True)
_register("Sigmoid", _wide(lambda x: 0.5 * (1 + np.tanh(x / 2))))
_register("Softplus", _wide(_softplus))
_register("Softsign", lambda x: x / (1 + np.abs(x)))
_register("Tanh", _wide(np.tanh))


@converts("Celu", "Elu", "Selu")
def _exponential(ctx: Context, node: Node) -> Value:
    """Linear where positive, an exponential elsewhere."""
    selu, celu = node.op == "Selu", node.op == "Celu"
    alpha = float(_parameter(node, "alpha", 1.67326319217681884765625 if selu else 1.0))
    gamma = float(_parameter(node, "gamma", 1.05070102214813232421875)) if selu else 1.0
    if celu and alpha == 0:
        raise UnsupportedError(node.label, "its alpha is 0", "Repair the model")
    inner = alpha if celu else 1.0

    def bend(x: Array) -> Array:
        below = alpha * (np.exp(np.minimum(x, 0) / inner) - 1)
        return gamma * np.where(x >= 0, x, below)

    return ctx.value(node).then(Step(node.label, _wide(bend), monotone=_rises(
        np.float32(alpha), np.float32(gamma))))


@converts("Gelu")
def _gelu(ctx: Context, node: Node) -> Value:
    def gelu(x: Array) -> Array:
        if str(node.attributes.get("approximate", "none")) == "tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + _erf(x / math.sqrt(2)))

    return ctx.value(node).then(Step(node.label, _wide(gelu), monotone=False))


@converts("Swish")
def _swish(ctx: Context, node: Node) -> Value:
    alpha = float(_parameter(node, "alpha", 1.0))
    return ctx.value(node).then(Step(
        node.label, _wide(lambda x: x * 0.5 * (1 + np.tanh(alpha * x / 2))), monotone=False))


@converts("HardSigmoid", "HardSwish")
def _hard(ctx: Context, node: Node) -> Value:
    product = node.op == "HardSwish"
    alpha = _parameter(node, "alpha", 1 / 6 if product else 0.2)
    beta = _parameter(node, "beta", 0.5)

    def hard(x: Array) -> Array:
        y = np.clip(alpha * x + beta, np.float32(0), np.float32(1))
        return x * y if product else y

    return ctx.value(node).then(Step(node.label, hard, monotone=_rises(alpha) and not product))


@converts("ThresholdedRelu")
def _thresholded(ctx: Context, node: Node) -> Value:
    alpha = _parameter(node, "alpha", 1.0)
    return ctx.value(node).then(Step(
        node.label, lambda x: np.where(x > alpha, x, x.dtype.type(0)), monotone=_rises(alpha)))
