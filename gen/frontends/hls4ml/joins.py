"""Converters of hls4ml's layers that join tensors or rearrange them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import Add, Clip, Concat, Multiply
from .common import made, relabelled, whole_map
from .graph import Conversion, axes_of, converts, label, result_type
from .values import FixedValue

__all__: list[str] = []

Array = np.ndarray[Any, Any]


@converts("Merge")
def _merge(state: Conversion, layer: Any) -> FixedValue:
    kind = str(layer.get_attr("op")).lower()
    if kind not in ("add", "subtract", "average", "maximum", "minimum", "multiply"):
        raise UnsupportedError(label(layer), f"{kind} of two tensors is not supported",
                               "Sums, differences, products, averages, maxima and minima are")
    a, b = (whole_map(layer, value) for value in state.inputs(layer))
    if a.index.shape != b.index.shape:
        raise UnsupportedError(label(layer), f"it joins shapes {a.index.shape} and "
                               f"{b.index.shape}", "Join tensors of one shape")
    if kind == "multiply":
        name = state.draft.add(label(layer), Multiply(name=state.name(layer),
                                                      inputs=(a.tensor, b.tensor)))
        return made(state, layer, name, a.fraction + b.fraction).cast(result_type(layer))
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
        return made(state, layer, name, fraction).cast(result_type(layer))
    name = _sum(state, layer, layer.name, (a.tensor, b.tensor),
                (up[0], -up[1] if kind == "subtract" else up[1]))
    return made(state, layer, name, fraction + (kind == "average")).cast(result_type(layer))


def _sum(state: Conversion, layer: Any, name: str, inputs: tuple[str, str],
         multipliers: tuple[int, int]) -> str:
    return state.draft.add(label(layer), Add(name=state.draft.names.take(name), inputs=inputs,
                                             multipliers=multipliers))


@converts("Concatenate")
def _concatenate(state: Conversion, layer: Any) -> FixedValue:
    parts = [relabelled(layer, value).cast(result_type(layer)) for value in state.inputs(layer)]
    rank = parts[0].index.ndim
    axis = int(layer.get_attr("axis", -1))  # the batch is axis 0
    axis = axis + rank if axis < 0 else axis - 1
    if not 0 <= axis < rank:
        raise UnsupportedError(label(layer), f"it joins along axis {axis + 1} of {rank + 1}",
                               "Join along the height, the width or the channels")
    fraction = max(part.fraction for part in parts)
    tensors = [whole_map(layer, part.at(fraction)).tensor for part in parts]
    name = state.draft.add(label(layer), Concat(name=state.name(layer), inputs=tuple(tensors),
                                                 axis=axis + 3 - rank))
    return made(state, layer, name, fraction)


@converts("Reshape", "Flatten")
def _reshape(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    return value.arranged(value.index.reshape(tuple(layer.get_output_variable().shape)))


@converts("Transpose")
def _transpose(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    return value.arranged(value.index.transpose(axes_of(layer)))


@converts("Clone", "Repack", "Broadcast")
def _clone(state: Conversion, layer: Any) -> FixedValue:
    value = state.input(layer)
    if tuple(layer.get_output_variable().shape) != value.index.shape:
        raise UnsupportedError(label(layer), "it changes the shape", "Join tensors of one shape")
    return value
