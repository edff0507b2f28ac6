"""Converters of elementwise TensorFlow Lite operators, on one tensor or two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Multiply
from .common import clip_range, multiplier, require_options
from .conversion import Conversion, converts
from .file import FlatOperator
from .kernels import HI, LO, activation_range, hard_swish, lookup_table

__all__: list[str] = []

Array = np.ndarray[Any, Any]


@converts("RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE")
def _rescale(state: Conversion, operator: FlatOperator) -> None:
    if state.flat(operator.inputs[0]).dtype == "float32":
        _quantize_input(state, operator)
        return
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    lo, hi = (LO, HI) if operator.kind == "QUANTIZE" else activation_range(operator.kind, target)
    factor = multiplier(operator, np.float64(grid.scale) / np.float64(target.scale))
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
    require_options(operator)
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    alpha = np.float32(operator.options.Alpha())
    ratio = np.float64(grid.scale) / np.float64(target.scale)
    plain = multiplier(operator, ratio)
    # The kernel multiplies the slope with the ratio in double precision.
    steep = multiplier(operator, np.float64(grid.scale) * np.float64(alpha)
                        / np.float64(target.scale))

    def leaky(x: Array) -> Array:
        x = x - grid.zero_point
        return np.clip(np.where(x >= 0, plain(x), steep(x)) + target.zero_point, LO, HI)

    state.give(operator, state.apply(operator, source, leaky))


def _gelu(x: Array) -> Array:
    # The kernel computes in float32, with the complement where the sum would cancel.
    single = x.astype(np.float32)
    tail = _erfc(-single * np.float32(math.sqrt(0.5))).astype(np.float32)
    return np.asarray(np.float32(0.5) * single * tail)


def _gelu_by_tanh(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))


_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_CURVES: dict[str, Callable[[Array], Array]] = {
    "ELU": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), "EXP": np.exp,
    "GELU": _gelu, "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)), "TANH": np.tanh,
}


@converts(*_CURVES)
def _table(state: Conversion, operator: FlatOperator) -> None:
    function = _CURVES[operator.kind]
    if operator.kind == "GELU":
        require_options(operator)
        function = _gelu_by_tanh if operator.options.Approximate() else _gelu
    _, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    state.look_up(operator, lookup_table(function, grid, target))


@converts("HARD_SWISH")
def _hard_swish(state: Conversion, operator: FlatOperator) -> None:
    _, grid = state.input(operator)
    try:
        table = hard_swish(grid, state.grid(operator, operator.outputs[0]))
    except ValueError as error:
        raise UnsupportedError(operator.label, str(error), "Convert the model again") from None
    state.look_up(operator, table)


_HEADROOM = 20
"""Bits by which the kernel of a sum shifts its operands up."""


@converts("ADD", "SUB")
def _add(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    lo, hi = clip_range(operator, target)
    grids = [state.grid(operator, i) for i in operator.inputs[:2]]
    twice = 2 * np.float64(max(g.scale for g in grids))
    factors = [multiplier(operator, np.float64(g.scale) / twice) for g in grids]
    end = multiplier(operator, twice / (np.float64(1 << _HEADROOM) * np.float64(target.scale)))
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


@converts("MUL")
def _mul(state: Conversion, operator: FlatOperator) -> None:
    target = state.grid(operator, operator.outputs[0])
    lo, hi = clip_range(operator, target)
    a, b = (state.grid(operator, i) for i in operator.inputs[:2])
    factor = multiplier(operator, float(a.scale * b.scale / target.scale))
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
