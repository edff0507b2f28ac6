"""Converters of hls4ml's layers with weights: Dense, convolutions, normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Conv2d, Dense
from ..context import narrowest
from .common import (
    channels_last,
    cut_products,
    made,
    one_a_channel,
    padded,
    pair,
    relabelled,
    weights_of,
    whole_map,
)
from .fixed import Fixed
from .graph import Conversion, converts, label, left_open, result_type
from .values import FixedValue

__all__: list[str] = []

Array = np.ndarray[Any, Any]


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
        raise cut_products(layer, precision, type_, value.fraction, "product")
    if type_.overflow != "WRAP" and int(terms.max(initial=0)) << (
            type_.fraction - value.fraction) > type_.hi:
        raise UnsupportedError(label(layer), f"its accumulator ({precision}) may saturate in "
                               "mid-sum", "Give it more integer bits, or let it wrap")
    if bias.any():
        if bias_places > type_.fraction:
            bias, bias_places = type_.cast(bias, bias_places), type_.fraction
        value = value.scaled(np.ones(1, np.int64), 0, bias, bias_places)
    return value.cast(type_).cast(result_type(layer))


def _oriented(layer: Any) -> None:
    """Refuse weights that hls4ml has left as PyTorch keeps them, outputs first."""
    if layer.model.config.config["HLSConfig"]["Model"].get("ChannelsLastConversion") == "off":
        raise UnsupportedError(label(layer), "hls4ml reads PyTorch's weights the wrong way round "
                               "with channels_last_conversion='off'", "Set it to 'full', or to "
                               "'internal' and give inputs channels last")


def _shifted(layer: Any, tensor: Any, integers: Array, fraction: int) -> None:
    """Refuse powers of two whose products do not fit the C++'s type for them.

    Places before and behind the point of that type are each the widths of both factors.
    """
    precision = layer.weights["weight"].type.precision
    if type(precision).__name__ != "ExponentPrecisionType":
        return
    room = precision.width + layer.get_input_variable().type.precision.width
    peak = max(abs(tensor.lo), abs(tensor.hi)) * int(np.abs(integers).max())
    if fraction > room or peak >> fraction >> room - 1:
        raise UnsupportedError(label(layer), f"hls4ml keeps {room} binary places of products with "
                               f"its powers of two, which have {fraction}, and as many before the "
                               "point", "Use exponents nearer to 0, or an input of more bits")


@converts("Dense")
def _dense(state: Conversion, layer: Any) -> FixedValue:
    _oriented(layer)
    value = state.input(layer).settled()
    integers, places = weights_of(layer, "weight")
    bias, bias_places = weights_of(layer, "bias")
    fraction = value.fraction + places
    inputs, outputs = integers.shape
    tensor = state.draft.tensors[value.tensor]
    _shifted(layer, tensor, integers, fraction)
    own, rest = _own_bias(bias, bias_places, fraction)
    if value.index.size == inputs:
        rows = np.zeros((tensor.size, outputs), np.int64)
        np.add.at(rows, value.index.ravel(), integers)
        op: Any = Dense(name=state.name(layer), inputs=(value.tensor,), weights=rows,
                        weight_type=narrowest(rows), bias=own)
    else:  # at each position
        value = whole_map(layer, value)
        op = Conv2d(name=state.name(layer), inputs=(value.tensor,), weights=integers[None, None],
                    weight_type=narrowest(integers), bias=own)
    sums = made(state, layer, state.draft.add(label(layer), op), fraction)
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


@converts("Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D", "Conv2DBatchnorm")
def _conv(state: Conversion, layer: Any) -> FixedValue:
    return _convolution(state, layer, depthwise=False)


@converts("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(state: Conversion, layer: Any) -> FixedValue:
    return _convolution(state, layer, depthwise=True)


def _convolution(state: Conversion, layer: Any, *, depthwise: bool) -> FixedValue:
    _oriented(layer)
    channels_last(layer)
    value = whole_map(layer, state.input(layer))
    integers, places = weights_of(layer, "weight")
    bias, bias_places = weights_of(layer, "bias")
    if integers.ndim == 3:
        integers = integers[None]
    tensor = state.draft.tensors[value.tensor]
    _shifted(layer, tensor, integers, value.fraction + places)
    if depthwise:  # (height, width, channels, multiplier)
        integers = integers.reshape(*integers.shape[:2], 1, -1)
    source, fraction = padded(state, layer, value, 0), value.fraction + places
    own, rest = _own_bias(bias, bias_places, fraction)
    op = Conv2d(name=state.name(layer), inputs=(source,), weights=integers,
                weight_type=narrowest(integers), bias=own, stride=pair(layer, "stride"),
                dilation=pair(layer, "dilation"), groups=tensor.shape[2] if depthwise else 1)
    sums = made(state, layer, state.draft.add(label(layer), op), fraction)
    return _accumulated(layer, sums, _peaks(integers, tensor, bias), rest, bias_places)


@converts("BatchNormalization", "ApplyAlpha")
def _normalise(state: Conversion, layer: Any) -> FixedValue:
    value = relabelled(layer, state.input(layer))
    (scale, places), (bias, bias_places) = weights_of(layer, "scale"), weights_of(layer, "bias")
    scale, bias = (one_a_channel(layer, value, a.ravel()) for a in (scale, bias))
    return value.scaled(scale, places, bias, bias_places).cast(result_type(layer))
