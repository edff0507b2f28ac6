"""Converters of hls4ml's activations, by the arithmetic of its generated C++."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from .common import config_line, one_a_channel, relabelled, weights_of
from .fixed import Fixed
from .graph import Conversion, converts, is_fallback, label, result_type
from .values import FixedValue

__all__: list[str] = []

Array = np.ndarray[Any, Any]


@converts("Activation")
def _activation(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    kind = str(layer.get_attr("activation", "linear")).lower()
    if kind not in _ACTIVATIONS:
        raise UnsupportedError(label(layer), f"activation {kind!r} is not supported",
                               f"Use one of {', '.join(sorted(_ACTIVATIONS))}")
    return _ACTIVATIONS[kind](layer, value)


def _linear(layer: Any, value: FixedValue) -> FixedValue:
    return value.cast(result_type(layer))


def _relu(limit: int | None) -> Callable[[Any, FixedValue], FixedValue]:
    def convert(layer: Any, value: FixedValue) -> FixedValue:
        top = None if limit is None else limit << max(0, value.fraction)
        # Types that are left open lose nothing, here as elsewhere.
        value = value.clipped(0, top)
        return value if is_fallback(layer) else value.cast(result_type(layer))

    return convert


def _table_of(layer: Any) -> tuple[int, Fixed]:
    """Size and type of a layer's table."""
    return int(layer.get_attr("table_size", 1024)), Fixed.of(
        f"{label(layer)}, table_t", layer.get_attr("table_t").precision)


def _entries(type_: Fixed, reals: Array) -> Array:
    """Integers of a table for reals that pass through float32."""
    fine = 40
    wide = np.ldexp(reals.astype(np.float32).astype(np.float64), fine)
    return type_.cast(np.floor(wide).astype(np.int64), fine)


def _by_table(function: Callable[[Array], Array], half_range: int,
              ) -> Callable[[Any, FixedValue], FixedValue]:
    """A table of a function between plus and minus ``half_range``, as hls4ml indexes it."""

    def convert(layer: Any, value: FixedValue) -> FixedValue:
        size, table_type = _table_of(layer)
        x = (2.0 * half_range * (np.arange(size) - size / 2) / size).astype(np.float32)
        codes = _entries(table_type, function(x))
        target = result_type(layer)
        places = min(target.fraction, table_type.fraction)
        table = target.cast(codes, table_type.fraction)
        if target.fraction > places:
            table >>= target.fraction - places
        fraction = max(0, value.fraction)

        def look_up(q: Array) -> Array:
            scaled = q * size << max(0, -value.fraction)
            unit = 2 * half_range << fraction
            index = np.sign(scaled) * (np.abs(scaled) // unit) + size // 2
            return table[np.clip(index, 0, size - 1)]

        if np.any(np.diff(table) < 0):
            raise UnsupportedError(label(layer), "its table, in its result's type, is not monotone",
                                   "Give its result more integer bits")
        return value.apply(look_up, places)

    return convert


def _exponential(layer: Any, value: FixedValue, slope: int, places: int,
                 function: Callable[[Array], Array], factor: int = 1, factor_places: int = 0,
                 ) -> FixedValue:
    """``slope * x`` where not negative, elsewhere ``factor`` times a table from -8 to 0."""
    value = value.settled()
    size, table_type = _table_of(layer)
    table = factor * _entries(
        table_type, function((-8.0 * np.arange(size) / size).astype(np.float32)))
    table_places = table_type.fraction + factor_places
    if np.any(np.diff(table) > 0) or table[0] > 0:
        raise UnsupportedError(label(layer), "its table is not monotone", config_line(
            layer, "table", "fixed<18,8>") + " and use a factor that is not negative")
    fraction = max(value.fraction + places, table_places)
    unit = 8 << max(0, value.fraction)

    def curve(x: Array) -> Array:
        index = (-x * size << max(0, -value.fraction)) // unit
        below = table[np.clip(index, 0, size - 1)] << fraction - table_places
        return np.where(x < 0, below, slope * x << fraction - places - value.fraction)

    return _rising(layer, value, curve, fraction)


def _expm1(x: Array) -> Array:
    return (np.exp(x.astype(np.float64)).astype(np.float32) - 1.0).astype(np.float32)


def _selu(layer: Any, value: FixedValue) -> FixedValue:
    # The slope as the C++ keeps it, in 15 binary places.
    return _exponential(
        layer, value, int(_SELU_SCALE * (1 << 15)), 15,
        lambda x: _SELU_SCALE * (_SELU_ALPHA * (
            np.exp(x.astype(np.float64)).astype(np.float32) - 1.0)))


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


def _sigmoid(x: Array) -> Array:
    e = np.exp(-x.astype(np.float64)).astype(np.float32)
    return 1.0 / (np.float32(1) + e).astype(np.float64)


def _binary_tanh(layer: Any, value: FixedValue) -> FixedValue:
    return value.apply(lambda x: np.where(x >= 0, 1, -1), 0).cast(_signs(layer))


def _signs(layer: Any) -> Fixed:
    type_ = result_type(layer)
    return Fixed(2, 0, True) if type_.binary else type_


@converts("TernaryTanh")
def _ternary_tanh(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    # Twice the value, which wraps in the input's own type, is above 1, or not above -1.
    own = Fixed.of(label(layer), layer.get_input_variable().type.precision)
    double = value.scaled(np.array([2]), 0).cast(own)
    double = double.at(max(0, double.fraction))
    one = 1 << double.fraction
    return double.apply(lambda x: (x > one).astype(np.int64) - (x <= -one), 0) \
        .cast(result_type(layer))


_ACTIVATIONS: dict[str, Callable[[Any, FixedValue], FixedValue]] = {
    "linear": _linear, "relu": _relu(None), "relu6": _relu(6), "relu1": _relu(1),
    "sigmoid": _by_table(_sigmoid, 8), "tanh": _by_table(lambda x: np.tanh(x.astype(float)), 4),
    "softsign": _by_table(lambda x: x / (np.abs(x.astype(float)) + 1), 8),
    "softplus": _by_table(lambda x: np.log(np.exp(x.astype(np.float64)).astype(np.float32) + 1.0),
                          8),
    "binary_tanh": _binary_tanh, "selu": _selu,
    "elu": lambda layer, value: _exponential(layer, value, 1, 0, _expm1),
}


@converts("ParametrizedActivation")
def _parametrised(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    kind = str(layer.get_attr("activation")).lower()
    if kind not in ("elu", "leakyrelu", "leaky_relu", "thresholdedrelu", "thresholded_relu"):
        raise UnsupportedError(label(layer), f"activation {kind!r} is not supported",
                               "Use ELU, LeakyReLU or ThresholdedReLU")
    type_ = Fixed.of(f"{label(layer)}, param_t", layer.get_attr("param_t").precision)
    parameter = type_.constants(label(layer), [layer.get_attr("activ_param")])
    if kind == "elu":
        return _exponential(layer, value, 1, 0, _expm1, int(parameter[0]),
                            type_.fraction)
    if kind.startswith("leaky"):
        return _bent(layer, value, parameter, type_.fraction)
    value = value.settled()
    # Compared in the finer of both places.
    places = max(value.fraction, type_.fraction)
    limit = int(parameter[0]) << places - type_.fraction
    if limit < 0:
        raise UnsupportedError(label(layer), "its threshold is negative, so it is not monotone",
                               "Use a threshold that is not negative")
    return _rising(layer, value, lambda x: np.where(x << places - value.fraction > limit, x, 0),
                   value.fraction)


@converts("PReLU")
def _prelu(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    integers, places = weights_of(layer, "param")
    channels = value.index.shape[-1]
    if integers.size != 1 and integers.size % channels:
        raise UnsupportedError(label(layer), f"{integers.size} slopes meet {channels} channels",
                               "Use one slope, or one a channel")
    rows = integers.reshape(-1, 1 if integers.size == 1 else channels)
    if np.any(rows != rows[0]):
        raise UnsupportedError(label(layer), "its slopes differ from position to position",
                               "Share them over height and width")
    return _bent(layer, value, one_a_channel(layer, value, rows[0]), places)


def _bent(layer: Any, value: FixedValue, slope: Array, places: int) -> FixedValue:
    """``x`` where positive, ``slope * x`` elsewhere, in the layer's result type."""
    if np.any(slope < 0):
        raise UnsupportedError(label(layer), "its slope is negative, so it is not monotone",
                               "Use slopes that are not negative")
    return _rising(layer, value, lambda x: np.where(x > 0, x << places, x * slope[:, None]),
                   value.fraction + places, len(slope))


def _rising(layer: Any, value: FixedValue, function: Callable[[Array], Array], fraction: int,
            rows: int = 1) -> FixedValue:
    """A function that does not fall, in the layer's result type.

    ``function`` takes integers of shape (rows, n), or (1, n), to exact integers of ``fraction``
    binary places.

    Raises
    ------
    UnsupportedError
        If results wrap, which makes the whole fall.
    """
    value = value.settled()
    tensor, target = value.draft.tensors[value.tensor], result_type(layer)
    if target.overflow == "WRAP":
        free = Fixed(62, target.fraction, True, target.rounding)
        ends = free.cast(function(np.array([[tensor.lo, tensor.hi]])), fraction)
        least, most = int(ends.min()), int(ends.max())
        if least < target.lo or most > target.hi:
            raise UnsupportedError(
                label(layer), "its result wraps, which is not monotone: it reaches "
                f"{math.ldexp(least, -target.fraction):.6g} to "
                f"{math.ldexp(most, -target.fraction):.6g}", config_line(
                    layer, "result", f"{'' if target.signed else 'u'}fixed<{target.width},"
                    f"{target.width - target.fraction},{target.rounding},SAT>")
                + ", or give it more integer bits")
    places = min(target.fraction, fraction)

    def reached(x: Array) -> Array:
        # In the fewer of both places.
        return target.cast(function(x), fraction) >> target.fraction - places

    return value.apply(reached, places, sign=np.ones(rows, np.int64))


@converts("HardActivation")
def _hard(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    slope_type = Fixed.of(f"{label(layer)}, slope_t", layer.get_attr("slope_t").precision)
    shift_type = Fixed.of(f"{label(layer)}, shift_t", layer.get_attr("shift_t").precision)
    slope = slope_type.constants(label(layer), [float(layer.get_attr("slope"))])
    shift = shift_type.constants(label(layer), [float(layer.get_attr("shift"))])
    kind = str(layer.get_attr("activation")).lower()
    value = value.scaled(slope, slope_type.fraction, shift, shift_type.fraction)
    one = 1 << max(0, value.fraction)
    value = value.clipped(0, one)
    if kind == "hard_tanh":
        value = value.scaled(np.array([2]), 0, np.array([-1]), 0)
    elif kind != "hard_sigmoid":
        raise UnsupportedError(label(layer), f"activation {kind!r} is not supported",
                               "Use hard_sigmoid or hard_tanh")
    return value.cast(result_type(layer))


@converts("Softmax")
def _softmax(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    if layer.get_attr("skip", False):
        return value.cast(result_type(layer))
    state.host.append(label(layer))
    return value
