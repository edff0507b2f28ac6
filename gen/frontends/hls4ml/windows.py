"""Converters of hls4ml's layers over height and width: pools, padding, crops, enlargement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Crop, MaxPool, SumPool, Upsample
from ..averages import averageable
from .common import (
    channels_last,
    config_line,
    cut_products,
    made,
    padded,
    pads_of,
    pair,
    whole_map,
)
from .fixed import Fixed
from .graph import Conversion, converts, feature_map, label, left_open, result_type
from .values import FixedValue

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def _pool_kind(layer: Any) -> str:
    return str(layer.get_attr("pool_op", "Max")).lower()


@converts("Pooling1D", "Pooling2D")
def _pool(state: Conversion, layer: Any) -> FixedValue:
    channels_last(layer)
    kernel = pair(layer, "pool")
    return _pooled(state, layer, kernel, pair(layer, "stride"))


@converts("GlobalPooling1D", "GlobalPooling2D")
def _global_pool(state: Conversion, layer: Any) -> FixedValue:
    channels_last(layer)
    shape = feature_map(label(layer), state.input(layer).index.shape)
    return _pooled(state, layer, shape[:2], (1, 1))


def _pooled(state: Conversion, layer: Any, kernel: tuple[int, int],
            stride: tuple[int, int]) -> FixedValue:
    value = whole_map(layer, state.input(layer))
    if _pool_kind(layer) == "max":
        source = padded(state, layer, value, state.draft.tensors[value.tensor].lo)
        name = state.draft.add(label(layer), MaxPool(
            name=state.name(layer), inputs=(source,), kernel=kernel, stride=stride))
        return _through(layer, made(state, layer, name, value.fraction)).cast(result_type(layer))
    pads = pads_of(layer)
    source = padded(state, layer, value, 0)
    plain = state.draft.add(label(layer), SumPool(
        name=state.name(layer), inputs=(source,), kernel=kernel, stride=stride))
    sums = state.draft.tensors[plain]
    counted = pads if layer.get_attr("count_pad", False) else (0, 0, 0, 0)
    name, size = averageable(state.draft, label(layer), plain, value.tensor, kernel, stride, pads,
                             counted)
    total = made(state, layer, name, value.fraction)
    type_ = Fixed.of(f"{label(layer)}, accum_t", layer.get_attr("accum_t").precision)
    if left_open(layer, "accum"):  # its places are still those of the quotient
        total = total.at(max(type_.fraction, value.fraction))
    elif type_.fraction < value.fraction:
        raise cut_products(layer, layer.get_attr("accum_t").precision, type_, value.fraction,
                           "element")
    else:
        total = total.at(type_.fraction)
        up = type_.fraction - value.fraction
        if name == plain:
            total = total.cast(type_)
        elif not type_.lo <= sums.lo << up <= sums.hi << up <= type_.hi:
            raise UnsupportedError(label(layer), "its accumulator overflows, and its windows at "
                                   "the edge are smaller", config_line(layer, "accum", "auto"))
    return _divided(total, size).cast(result_type(layer))


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
    channels_last(layer)
    value = whole_map(layer, state.input(layer))
    result = made(state, layer, padded(state, layer, value, 0), value.fraction)
    return result.cast(result_type(layer))


@converts("Cropping1D", "Cropping2D")
def _cropping(state: Conversion, layer: Any) -> FixedValue:
    channels_last(layer)
    value = whole_map(layer, state.input(layer))
    top, left, bottom, right = (int(layer.get_attr(f"crop_{side}", 0) or 0)
                                for side in ("top", "left", "bottom", "right"))
    height, width, channels = state.draft.tensors[value.tensor].shape
    name = state.draft.add(label(layer), Crop(
        name=state.name(layer), inputs=(value.tensor,), start=(top, left, 0),
        size=(height - top - bottom, width - left - right, channels)))
    return made(state, layer, name, value.fraction).cast(result_type(layer))


@converts("Resize", "UpSampling1D", "UpSampling2D")
def _resize(state: Conversion, layer: Any) -> FixedValue:
    value = whole_map(layer, state.input(layer))
    old = feature_map(label(layer), value.index.shape)
    new = feature_map(label(layer), tuple(layer.get_output_variable().shape))
    factors = new[0] // old[0], new[1] // old[1]
    if layer.get_attr("algorithm", "nearest") != "nearest" \
            or (old[0] * factors[0], old[1] * factors[1], old[2]) != new:
        raise UnsupportedError(label(layer), f"it resizes {old} to {new}",
                               "Only nearest-neighbour enlargement by whole factors is supported")
    name = state.draft.add(label(layer), Upsample(name=state.name(layer), inputs=(value.tensor,),
                                                  factors=factors))
    return made(state, layer, name, value.fraction).cast(result_type(layer))
