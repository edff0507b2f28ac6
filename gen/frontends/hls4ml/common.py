"""What hls4ml's layer converters have in common: weights, feature maps, padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Pad
from .fixed import Fixed
from .graph import Conversion, feature_map, label
from .values import FixedValue

__all__ = [
    "channels_last", "config_line", "cut_products", "made", "one_a_channel", "padded", "pads_of",
    "pair", "relabelled", "weights_of", "whole_map",
]  # fmt: skip

Array = np.ndarray[Any, Any]


def config_line(layer: Any, what: str, precision: str) -> str:
    """The remedy that sets a type of a layer in hls4ml's configuration."""
    return f"Set config['LayerName']['{layer.name}']['Precision']['{what}'] = '{precision}'"


def cut_products(layer: Any, precision: Any, type_: Fixed, places: int,
                 what: str) -> UnsupportedError:
    """The error for an accumulator that rounds before it adds, which no hardware here does."""
    wide = f"{'' if type_.signed else 'u'}fixed<{type_.width - type_.fraction + places}," \
        f"{type_.width - type_.fraction}>"
    return UnsupportedError(
        label(layer), f"its accumulator ({precision}) drops binary places of each {what}, which "
        f"have {places}", config_line(layer, "accum", "auto") + f" (granularity 'name'), or to "
        f"'{wide}'")


def weights_of(layer: Any, name: str) -> tuple[Array, int]:
    """Integers of a layer's weights and their binary places, as few as they need."""
    variable = layer.weights[name]
    if type(variable.type.precision).__name__ == "ExponentPrecisionType":
        return _powers_of_two(f"{label(layer)}, {name}", np.asarray(variable.data, np.float64))
    type_ = Fixed.of(f"{label(layer)}, {name}", variable.type.precision)
    integers = type_.constants(f"{label(layer)}, {name}", variable.data)
    places = type_.fraction
    while places > 0 and not np.any(integers & 1):
        integers, places = integers >> 1, places - 1
    return integers, places


def _powers_of_two(where: str, reals: Array) -> tuple[Array, int]:
    """Weights that hls4ml keeps as sign and exponent."""
    fractions, exponents = np.frexp(reals)
    if not np.all(np.abs(fractions) == 0.5):
        raise UnsupportedError(where, "a weight is no power of two", "Quantise the weights so, "
                               "zeros included")
    places = max(0, 1 - int(exponents.min()))
    return np.ldexp(reals, places).astype(np.int64), places


def whole_map(layer: Any, value: FixedValue) -> FixedValue:
    """The value as a whole tensor in its own order, for a layer that reads a feature map."""
    value = value.settled()
    shape = feature_map(label(layer), value.index.shape)
    if not np.array_equal(value.index.ravel(), np.arange(value.draft.tensors[value.tensor].size)):
        raise UnsupportedError(label(layer), "the transposition before it would reorder the stream",
                               "Keep feature maps in one layout")
    return replace(value, tensor=value.draft.reshaped(value.tensor, shape, label(layer)))


def made(state: Conversion, layer: Any, tensor: str, fraction: int) -> FixedValue:
    """A new tensor as a layer's value."""
    shape = tuple(int(n) for n in layer.get_output_variable().shape)
    return FixedValue(state.draft, label(layer), tensor,
                      np.arange(int(np.prod(shape))).reshape(shape), fraction)


def relabelled(layer: Any, value: FixedValue) -> FixedValue:
    """The value under the name of another layer."""
    return replace(value, label=label(layer))


def one_a_channel(layer: Any, value: FixedValue, constant: Array) -> Array:
    """A constant along the last axis, as one of the network tensor's channels."""
    if constant.size == 1 or np.all(constant == constant[0]):
        return constant[:1]
    index = value.index.reshape(-1, constant.size) if value.index.size % constant.size == 0 \
        else value.index.reshape(1, -1)
    channels = value.channels
    channel = index % channels
    if channel.shape[1] != constant.size or constant.size != channels \
            or np.any(channel != channel[0]):
        raise UnsupportedError(label(layer), f"{constant.size} parameters meet {channels} channels",
                               "Use one, or one a channel")
    row = np.empty(channels, np.int64)
    row[channel[0]] = constant
    return row


def pads_of(layer: Any) -> tuple[int, int, int, int]:
    """Padding of a layer: top, left, bottom, right."""
    return tuple(int(layer.get_attr(f"pad_{side}", 0) or 0)  # type: ignore[return-value]
                 for side in ("top", "left", "bottom", "right"))


def pair(layer: Any, name: str, default: int = 1) -> tuple[int, int]:
    """A layer's attribute for (height, width)."""
    return (int(layer.get_attr(f"{name}_height", default) or default),
            int(layer.get_attr(f"{name}_width", default) or default))


def channels_last(layer: Any) -> None:
    """Refuse a layer that works channels first."""
    if layer.get_attr("data_format", "channels_last") != "channels_last":
        raise UnsupportedError(label(layer), "it works channels first",
                               "Set channels_last_conversion, or build the model channels last")


def padded(state: Conversion, layer: Any, value: FixedValue, fill: int) -> str:
    """A tensor with the layer's padding around it, of some constant."""
    pads = pads_of(layer)
    if not any(pads):
        return value.tensor
    return state.draft.add(label(layer), Pad(
        name=state.draft.names.take(f"{layer.name}_pad"), inputs=(value.tensor,), pads=pads,
        value=fill))
