"""Converters of hls4ml's layers, by the arithmetic of its generated C++."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Multiply,
    Pad,
    Reshape,
    SumPool,
    Upsample,
)
from ..context import narrowest
from .fixed import Fixed
from .graph import Conversion, converts, feature_map, is_fallback, label, left_open, result_type
from .values import FixedValue

__all__: list[str] = []

Array = np.ndarray[Any, Any]

_ACCUMULATOR = ("Leave accum_t at 'auto' (granularity 'name'), or give it as many binary places as "
                "products have")


def _weights(layer: Any, name: str) -> tuple[Array, int]:
    """Integers of a layer's weights and their binary places, as few as they need."""
    variable = layer.weights[name]
    type_ = Fixed.of(f"{label(layer)}, {name}", variable.type.precision)
    integers = type_.constants(f"{label(layer)}, {name}", variable.data)
    places = type_.fraction
    while places > 0 and not np.any(integers & 1):
        integers, places = integers >> 1, places - 1
    return integers, places


def _flat(layer: Any, value: FixedValue) -> FixedValue:
    """The value as a whole tensor in its own order, for a layer that reads a feature map."""
    value = value.settled()
    shape = feature_map(label(layer), value.index.shape)
    if not np.array_equal(value.index.ravel(), np.arange(value.draft.tensors[value.tensor].size)):
        raise UnsupportedError(label(layer), "the transposition before it would reorder the stream",
                               "Keep feature maps in one layout")
    if value.draft.tensors[value.tensor].shape == shape:
        return value
    name = value.draft.add(label(layer), Reshape(
        name=value.draft.names.take(f"{value.tensor}_reshape"), inputs=(value.tensor,),
        shape=shape))
    return replace(value, tensor=name)


def _made(state: Conversion, layer: Any, tensor: str, fraction: int) -> FixedValue:
    """A new tensor as a layer's value."""
    shape = tuple(int(n) for n in layer.get_output_variable().shape)
    return FixedValue(state.draft, label(layer), tensor,
                      np.arange(int(np.prod(shape))).reshape(shape), fraction)


def _relabelled(layer: Any, value: FixedValue) -> FixedValue:
    return replace(value, label=label(layer))


# Products with weights


def _accumulated(layer: Any, value: FixedValue, terms: Array, bias: Array,
                 bias_places: int) -> FixedValue:
    """A sum of products with its bias, in the layer's accumulator.

    ``terms`` are bounds of the partial sums' magnitudes, one an output. Products and bias are each
    converted to the accumulator's type before they are added.
    """
    if left_open(layer, "accum"):
        total = value.scaled(np.ones(1, np.int64), 0, bias, bias_places)
        inferred = left_open(layer, "result") and layer.get_output_variable().type.precision \
            == layer.get_attr("accum_t").precision
        return total if inferred else total.cast(result_type(layer))
    precision = layer.get_attr("accum_t").precision
    type_ = Fixed.of(f"{label(layer)}, accum_t", precision)
    if type_.fraction < value.fraction:
        raise UnsupportedError(
            label(layer), f"its accumulator ({precision}) drops binary places of each product, "
            f"which have {value.fraction}", _ACCUMULATOR)
    if type_.overflow != "WRAP" and int(terms.max(initial=0)) << (
            type_.fraction - value.fraction) > type_.hi:
        raise UnsupportedError(label(layer), f"its accumulator ({precision}) may saturate in "
                               "mid-sum", "Give it more integer bits, or let it wrap")
    if bias.any():
        if bias_places > type_.fraction:
            bias, bias_places = type_.cast(bias, bias_places), type_.fraction
        value = value.scaled(np.ones(1, np.int64), 0, bias, bias_places)
    return value.cast(type_).cast(result_type(layer))


@converts("Dense")
def _dense(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer).settled()
    integers, places = _weights(layer, "weight")
    bias, bias_places = _weights(layer, "bias")
    fraction = value.fraction + places
    inputs, outputs = integers.shape
    tensor = state.draft.tensors[value.tensor]
    own, rest = _own_bias(bias, bias_places, fraction)
    if value.index.size == inputs:
        rows = np.zeros((tensor.size, outputs), np.int64)
        np.add.at(rows, value.index.ravel(), integers)
        op: Any = Dense(name=state.name(layer), inputs=(value.tensor,), weights=rows,
                        weight_type=narrowest(rows), bias=own)
    else:  # at each position
        value = _flat(layer, value)
        op = Conv2d(name=state.name(layer), inputs=(value.tensor,), weights=integers[None, None],
                    weight_type=narrowest(integers), bias=own)
    sums = _made(state, layer, state.draft.add(label(layer), op), fraction)
    return _accumulated(layer, sums, _peaks(integers, tensor, bias), rest, bias_places)


def _own_bias(bias: Array, places: int, fraction: int) -> tuple[Array | None, Array]:
    """The bias as integers of a sum of products, if it has no finer places, and what is left."""
    if places > fraction or not bias.any():
        return None, bias
    return bias.ravel() << fraction - places, np.zeros_like(bias)


def _peaks(weights: Array, tensor: Any, bias: Array) -> Array:
    """Largest magnitude of partial sums, one an output; the bias's on top, whatever its places."""
    peak = max(abs(tensor.lo), abs(tensor.hi))
    total: Array = np.abs(weights).reshape(-1, weights.shape[-1]).sum(axis=0) * peak \
        + np.abs(bias).max(initial=0)
    return total


def _pads(layer: Any) -> tuple[int, int, int, int]:
    return tuple(int(layer.get_attr(f"pad_{side}", 0) or 0)  # type: ignore[return-value]
                 for side in ("top", "left", "bottom", "right"))


def _pair(layer: Any, name: str, default: int = 1) -> tuple[int, int]:
    return (int(layer.get_attr(f"{name}_height", default) or default),
            int(layer.get_attr(f"{name}_width", default) or default))


def _channels_last(layer: Any) -> None:
    if layer.get_attr("data_format", "channels_last") != "channels_last":
        raise UnsupportedError(label(layer), "it works channels first",
                               "Set channels_last_conversion, or build the model channels last")


def _padded(state: Conversion, layer: Any, value: FixedValue, fill: int) -> str:
    pads = _pads(layer)
    if not any(pads):
        return value.tensor
    return state.draft.add(label(layer), Pad(
        name=state.draft.names.take(f"{layer.name}_pad"), inputs=(value.tensor,), pads=pads,
        value=fill))


@converts("Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "Conv2DBatchnorm")
def _conv(state: Conversion, layer: Any) -> FixedValue:
    return _convolution(state, layer, depthwise=False)


@converts("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(state: Conversion, layer: Any) -> FixedValue:
    return _convolution(state, layer, depthwise=True)


def _convolution(state: Conversion, layer: Any, *, depthwise: bool) -> FixedValue:
    _channels_last(layer)
    value = _flat(layer, state.input(layer))
    integers, places = _weights(layer, "weight")
    bias, bias_places = _weights(layer, "bias")
    if integers.ndim == 3:
        integers = integers[None]
    tensor = state.draft.tensors[value.tensor]
    if depthwise:  # (height, width, channels, multiplier)
        integers = integers.reshape(*integers.shape[:2], 1, -1)
    source, fraction = _padded(state, layer, value, 0), value.fraction + places
    own, rest = _own_bias(bias, bias_places, fraction)
    op = Conv2d(name=state.name(layer), inputs=(source,), weights=integers,
                weight_type=narrowest(integers), bias=own, stride=_pair(layer, "stride"),
                dilation=_pair(layer, "dilation"), groups=tensor.shape[2] if depthwise else 1)
    sums = _made(state, layer, state.draft.add(label(layer), op), fraction)
    return _accumulated(layer, sums, _peaks(integers, tensor, bias), rest, bias_places)


@converts("BatchNormalization", "ApplyAlpha")
def _normalise(state: Conversion, layer: Any) -> FixedValue:
    value = _relabelled(layer, state.input(layer))
    (scale, places), (bias, bias_places) = _weights(layer, "scale"), _weights(layer, "bias")
    channels = value.channels
    scale, bias = (_one_a_channel(layer, value, a.ravel(), channels) for a in (scale, bias))
    return value.scaled(scale, places, bias, bias_places).cast(result_type(layer))


def _one_a_channel(layer: Any, value: FixedValue, constant: Array, channels: int) -> Array:
    """A constant along the last axis, as one of the network tensor's channels."""
    if constant.size == 1 or np.all(constant == constant[0]):
        return constant[:1]
    index = value.index.reshape(-1, constant.size) if value.index.size % constant.size == 0 \
        else value.index.reshape(1, -1)
    channel = index % channels
    if channel.shape[1] != constant.size or constant.size != channels \
            or np.any(channel != channel[0]):
        raise UnsupportedError(label(layer), f"{constant.size} parameters meet {channels} channels",
                               "Use one, or one a channel")
    row = np.empty(channels, np.int64)
    row[channel[0]] = constant
    return row


# Windows


def _pool_kind(layer: Any) -> str:
    return str(layer.get_attr("pool_op", "Max")).lower()


@converts("Pooling1D", "Pooling2D")
def _pool(state: Conversion, layer: Any) -> FixedValue:
    _channels_last(layer)
    kernel = _pair(layer, "pool")
    return _pooled(state, layer, kernel, _pair(layer, "stride"))


@converts("GlobalPooling1D", "GlobalPooling2D")
def _global_pool(state: Conversion, layer: Any) -> FixedValue:
    _channels_last(layer)
    shape = feature_map(label(layer), state.input(layer).index.shape)
    return _pooled(state, layer, shape[:2], (1, 1))


def _pooled(state: Conversion, layer: Any, kernel: tuple[int, int],
            stride: tuple[int, int]) -> FixedValue:
    value = _flat(layer, state.input(layer))
    if _pool_kind(layer) == "max":
        source = _padded(state, layer, value, state.draft.tensors[value.tensor].lo)
        name = state.draft.add(label(layer), MaxPool(
            name=state.name(layer), inputs=(source,), kernel=kernel, stride=stride))
        return _through(layer, _made(state, layer, name, value.fraction)).cast(result_type(layer))
    if any(_pads(layer)) and not layer.get_attr("count_pad", False):
        raise UnsupportedError(label(layer), "its windows at the edge are smaller",
                               "Pool without padding, or count the padding")
    source = _padded(state, layer, value, 0)
    name = state.draft.add(label(layer), SumPool(
        name=state.name(layer), inputs=(source,), kernel=kernel, stride=stride))
    type_ = Fixed.of(f"{label(layer)}, accum_t", layer.get_attr("accum_t").precision)
    total = _made(state, layer, name, value.fraction)
    if left_open(layer, "accum"):  # its places are still those of the quotient
        total = total.at(max(type_.fraction, value.fraction))
    elif type_.fraction < value.fraction:
        raise UnsupportedError(label(layer), "its accumulator drops binary places of each element",
                               _ACCUMULATOR)
    else:
        total = total.at(type_.fraction).cast(type_)
    return _divided(total, kernel[0] * kernel[1]).cast(result_type(layer))


def _through(layer: Any, value: FixedValue) -> FixedValue:
    """A maximum in the layer's accumulator, which it passes on its way."""
    accumulator = layer.get_attr("accum_t")
    if accumulator is None or left_open(layer, "accum"):
        return value
    return value.cast(Fixed.of(f"{label(layer)}, accum_t", accumulator.precision))


def _divided(value: FixedValue, n: int) -> FixedValue:
    """``value / n`` in the value's own places, towards zero, as ap_fixed divides."""
    if n & (n - 1) == 0:
        bits = n.bit_length() - 1
        return replace(value.cast(Fixed(62, value.fraction - bits, True, "TRN_ZERO")),
                       fraction=value.fraction) if bits else value
    return value.apply(lambda x: np.sign(x) * (np.abs(x) // n), value.fraction)


@converts("ZeroPadding1D", "ZeroPadding2D")
def _zero_padding(state: Conversion, layer: Any) -> FixedValue:
    _channels_last(layer)
    value = _flat(layer, state.input(layer))
    padded = _made(state, layer, _padded(state, layer, value, 0), value.fraction)
    return padded.cast(result_type(layer))


@converts("Resize", "UpSampling1D", "UpSampling2D")
def _resize(state: Conversion, layer: Any) -> FixedValue:
    value = _flat(layer, state.input(layer))
    old = feature_map(label(layer), value.index.shape)
    new = feature_map(label(layer), tuple(layer.get_output_variable().shape))
    factors = new[0] // old[0], new[1] // old[1]
    if layer.get_attr("algorithm", "nearest") != "nearest" \
            or (old[0] * factors[0], old[1] * factors[1], old[2]) != new:
        raise UnsupportedError(label(layer), f"it resizes {old} to {new}",
                               "Only nearest-neighbour enlargement by whole factors is supported")
    name = state.draft.add(label(layer), Upsample(name=state.name(layer), inputs=(value.tensor,),
                                                  factors=factors))
    return _made(state, layer, name, value.fraction).cast(result_type(layer))


# Elementwise


@converts("Activation")
def _activation(state: Conversion, layer: Any) -> FixedValue:
    value = _relabelled(layer, state.input(layer))
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


def _by_table(function: Callable[[Array], Array], half_range: int,
              ) -> Callable[[Any, FixedValue], FixedValue]:
    """A table of a function between plus and minus ``half_range``, as hls4ml indexes it."""

    def convert(layer: Any, value: FixedValue) -> FixedValue:
        size = int(layer.get_attr("table_size", 1024))
        table_type = Fixed.of(f"{label(layer)}, table_t", layer.get_attr("table_t").precision)
        x = (2.0 * half_range * (np.arange(size) - size / 2) / size).astype(np.float32)
        reals = function(x).astype(np.float32).astype(np.float64)
        fine = 40
        codes = table_type.cast(np.floor(np.ldexp(reals, fine)).astype(np.int64), fine)
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


def _sigmoid(x: Array) -> Array:
    e = np.exp(-x.astype(np.float64)).astype(np.float32)
    return 1.0 / (np.float32(1) + e).astype(np.float64)


def _binary_tanh(layer: Any, value: FixedValue) -> FixedValue:
    return value.apply(lambda x: np.where(x >= 0, 1, -1), 0).cast(_signs(layer))


def _signs(layer: Any) -> Fixed:
    type_ = result_type(layer)
    return Fixed(2, 0, True) if type_.binary else type_


def _ternary_tanh(layer: Any, value: FixedValue) -> FixedValue:
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
    "binary_tanh": _binary_tanh,
}


@converts("TernaryTanh")
def _ternary(state: Conversion, layer: Any) -> FixedValue:
    return _ternary_tanh(layer, _relabelled(layer, state.input(layer)))


@converts("ParametrizedActivation")
def _parametrised(state: Conversion, layer: Any) -> FixedValue:
    value = _relabelled(layer, state.input(layer))
    kind = str(layer.get_attr("activation")).lower()
    if kind not in ("leakyrelu", "leaky_relu", "thresholdedrelu", "thresholded_relu"):
        raise UnsupportedError(label(layer), f"activation {kind!r} is not supported",
                               "Use LeakyReLU or ThresholdedReLU")
    type_ = Fixed.of(f"{label(layer)}, param_t", layer.get_attr("param_t").precision)
    parameter = type_.constants(label(layer), [layer.get_attr("activ_param")])
    if kind.startswith("leaky"):
        return _bent(layer, value, parameter, type_.fraction)
    value = value.settled()
    # Compared in the finer of both places.
    places = max(value.fraction, type_.fraction)
    limit = int(parameter[0]) << places - type_.fraction
    if limit < 0:
        raise UnsupportedError(label(layer), "its threshold is negative, so it is not monotone",
                               "Use a threshold that is not negative")
    target = result_type(layer)

    def cut(x: Array) -> Array:
        return _reached(target, np.where(x << places - value.fraction > limit, x, 0),
                        value.fraction)

    return value.apply(cut, min(target.fraction, value.fraction))


@converts("PReLU")
def _prelu(state: Conversion, layer: Any) -> FixedValue:
    value = _relabelled(layer, state.input(layer))
    integers, places = _weights(layer, "param")
    flat = integers.ravel()
    channels = value.index.shape[-1]
    rows = flat.reshape(-1, channels)
    if np.any(rows != rows[0]):
        raise UnsupportedError(label(layer), "its slopes differ from position to position",
                               "Share them over height and width")
    return _bent(layer, value, _one_a_channel(layer, value, rows[0], value.channels), places)


def _bent(layer: Any, value: FixedValue, slope: Array, places: int) -> FixedValue:
    """``x`` where positive, ``slope * x`` elsewhere, in the layer's result type."""
    if np.any(slope < 0):
        raise UnsupportedError(label(layer), "its slope is negative, so it is not monotone",
                               "Use slopes that are not negative")
    value = value.settled()
    fraction = value.fraction + places
    target = result_type(layer)

    def bend(x: Array) -> Array:
        return _reached(target, np.where(x > 0, x << places, x * slope[:, None]), fraction)

    tensor = value.draft.tensors[value.tensor]
    least = target.cast(np.array([min(0, tensor.lo) * int(slope.max())]), fraction)
    if target.overflow == "WRAP" and (
            int(least[0]) != Fixed(62, target.fraction, True, target.rounding).cast(
                np.array([min(0, tensor.lo) * int(slope.max())]), fraction)[0]
            or tensor.hi << places >> max(0, fraction - target.fraction) > target.hi):
        raise UnsupportedError(label(layer), "its result may wrap, so it is not monotone",
                               "Give its result more integer bits, or let it saturate")
    return value.apply(bend, min(target.fraction, fraction), sign=np.ones(len(slope), np.int64))


def _reached(target: Fixed, x: Array, fraction: int) -> Array:
    """Integers converted to a type, in the fewer of both places."""
    y = target.cast(x, fraction)
    return y >> max(0, target.fraction - fraction)


@converts("HardActivation")
def _hard(state: Conversion, layer: Any) -> FixedValue:
    value = _relabelled(layer, state.input(layer))
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


# Joins


@converts("Merge")
def _merge(state: Conversion, layer: Any) -> FixedValue:
    kind = str(layer.get_attr("op")).lower()
    if kind not in ("add", "subtract", "average", "maximum", "minimum", "multiply"):
        raise UnsupportedError(label(layer), f"{kind} of two tensors is not supported",
                               "Sums, differences, products, averages, maxima and minima are")
    a, b = (_flat(layer, value) for value in state.inputs(layer))
    if a.index.shape != b.index.shape:
        raise UnsupportedError(label(layer), f"it joins shapes {a.index.shape} and "
                               f"{b.index.shape}", "Join tensors of one shape")
    if kind == "multiply":
        name = state.draft.add(label(layer), Multiply(name=state.name(layer),
                                                      inputs=(a.tensor, b.tensor)))
        return _made(state, layer, name, a.fraction + b.fraction).cast(result_type(layer))
    fraction = max(a.fraction, b.fraction)
    up = 1 << fraction - a.fraction, 1 << fraction - b.fraction
    if kind in ("maximum", "minimum"):
        # a + max(b - a, 0), or a - max(a - b, 0).
        sign = 1 if kind == "maximum" else -1
        gap = _sum(state, layer, f"{layer.name}_gap", (a.tensor, b.tensor),
                   (-sign * up[0], sign * up[1]))
        more = state.draft.add(label(layer), Clip(
            name=state.draft.names.take(f"{layer.name}_more"), inputs=(gap,), lo=0))
        name = _sum(state, layer, layer.name, (a.tensor, more), (up[0], sign))
        return _made(state, layer, name, fraction).cast(result_type(layer))
    name = _sum(state, layer, layer.name, (a.tensor, b.tensor),
                (up[0], -up[1] if kind == "subtract" else up[1]))
    return _made(state, layer, name, fraction + (kind == "average")).cast(result_type(layer))


def _sum(state: Conversion, layer: Any, name: str, inputs: tuple[str, str],
         multipliers: tuple[int, int]) -> str:
    return state.draft.add(label(layer), Add(name=state.draft.names.take(name), inputs=inputs,
                                             multipliers=multipliers))


@converts("Concatenate")
def _concatenate(state: Conversion, layer: Any) -> FixedValue:
    parts = [_relabelled(layer, value).cast(result_type(layer)) for value in state.inputs(layer)]
    rank = parts[0].index.ndim
    if int(layer.get_attr("axis", -1)) not in (-1, rank):
        raise UnsupportedError(label(layer), "it does not join channels",
                               "Join along the last axis")
    fraction = max(part.fraction for part in parts)
    tensors = [_flat(layer, part.at(fraction)).tensor for part in parts]
    name = state.draft.add(label(layer), Concat(name=state.name(layer), inputs=tuple(tensors)))
    return _made(state, layer, name, fraction)


# Arrangement


@converts("Reshape", "Flatten")
def _reshape(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    return value.arranged(value.index.reshape(tuple(layer.get_output_variable().shape)))


@converts("Transpose")
def _transpose(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    perm = [int(axis) for axis in layer.get_attr("perm")]
    if len(perm) == value.index.ndim + 1:  # the batch axis is counted
        perm = [axis - 1 for axis in perm[1:]]
    return value.arranged(value.index.transpose(perm))


@converts("Clone", "Repack", "Broadcast")
def _clone(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    if tuple(layer.get_output_variable().shape) != value.index.shape:
        raise UnsupportedError(label(layer), "it changes the shape", "Join tensors of one shape")
    return value
