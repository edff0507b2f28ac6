"""Range of every channel of a network's tensors."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from .graph import Network
from .ops import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    MaxPool,
    Multiply,
    Op,
    Pad,
    Requantize,
    Reshape,
    SumPool,
    Threshold,
    Upsample,
)
from .tensor import Tensor

__all__ = ["channel_ranges"]

Array = np.ndarray[Any, Any]
Range = tuple[Array, Array]
"""Smallest and largest integer, by channel."""


def channel_ranges(network: Network) -> dict[str, Range]:
    """Smallest and largest integer that each channel of each tensor can take.

    Returns
    -------
    dict of str to pair of array of int, (channels,)
        Never wider than the tensor's own range. A channel whose two are equal is constant.
    """
    ranges: dict[str, Range] = {"input": _whole(network.input)}
    for op in network.ops:
        tensor = network.tensors[op.name]
        lo, hi = _range(op, tensor, *(ranges[name] for name in op.inputs))
        ranges[op.name] = np.clip(lo, tensor.lo, tensor.hi), np.clip(hi, tensor.lo, tensor.hi)
    return ranges


def _whole(tensor: Tensor) -> Range:
    channels = tensor.shape[2]
    return np.full(channels, tensor.lo), np.full(channels, tensor.hi)


@singledispatch
def _range(op: Op, tensor: Tensor, *inputs: Range) -> Range:
    return _whole(tensor)


@_range.register(MaxPool)
@_range.register(Upsample)
def _(op: Op, tensor: Tensor, x: Range) -> Range:
    return x


@_range.register
def _(op: Pad, tensor: Tensor, x: Range) -> Range:
    return (np.minimum(x[0], op.value), np.maximum(x[1], op.value)) if any(op.pads) else x


@_range.register
def _(op: Crop, tensor: Tensor, x: Range) -> Range:
    some = slice(op.start[2], op.start[2] + op.size[2])
    return x[0][some], x[1][some]


@_range.register
def _(op: SumPool, tensor: Tensor, x: Range) -> Range:
    count = op.kernel[0] * op.kernel[1]
    return x[0] * count, x[1] * count


@_range.register
def _(op: Conv2d, tensor: Tensor, x: Range) -> Range:
    _, _, cin, cout = op.weights.shape
    source = np.arange(cout)[None] // (cout // op.groups) * cin + np.arange(cin)[:, None]
    return _sum(op.weights, x[0][source], x[1][source], op.bias)


@_range.register
def _(op: Dense, tensor: Tensor, x: Range) -> Range:
    weights = op.weights.reshape(-1, len(x[0]), op.weights.shape[1])
    return _sum(weights, x[0][:, None], x[1][:, None], op.bias)


def _sum(weights: Array, lo: Array, hi: Array, bias: Array | None) -> Range:
    up, down = np.maximum(weights, 0), np.minimum(weights, 0)
    axes = tuple(range(weights.ndim - 1))
    shift = 0 if bias is None else bias
    return ((up * lo + down * hi).sum(axis=axes) + shift,
            (up * hi + down * lo).sum(axis=axes) + shift)


@_range.register
def _(op: Threshold, tensor: Tensor, x: Range) -> Range:
    def value(v: Array) -> Array:
        steps = (v[:, None] >= op.thresholds).sum(axis=1)
        falls = False if op.descending is None else op.descending
        return op.base + op.step * np.where(falls, op.thresholds.shape[1] - steps, steps)

    return _sorted(value(x[0]), value(x[1]))


@_range.register
def _(op: Requantize, tensor: Tensor, x: Range) -> Range:
    def value(v: Array) -> Array:
        offset = op.offset
        if op.negative_offset is not None:
            offset = np.where(v < 0, op.negative_offset, offset)
        total = v * op.multiplier + offset
        if op.to_even and op.shift:
            total = total + (1 << op.shift - 1) - 1 + (total >> op.shift & 1)
        return np.asarray(total >> op.shift)

    # Two offsets may make it step back where the sign changes.
    if op.negative_offset is not None and np.any((x[0] < 0) & (x[1] >= 0)):
        return _whole(tensor)
    lo, hi = _sorted(value(x[0]), value(x[1]))
    if op.wrap and (lo.min() < op.type.lo or hi.max() > op.type.hi):
        return _whole(tensor)
    return np.clip(lo, *op.bounds), np.clip(hi, *op.bounds)


@_range.register
def _(op: Clip, tensor: Tensor, x: Range) -> Range:
    bounds = (-np.inf if op.lo is None else op.lo, np.inf if op.hi is None else op.hi)
    return np.clip(x[0], *bounds).astype(np.int64), np.clip(x[1], *bounds).astype(np.int64)


@_range.register
def _(op: Add, tensor: Tensor, *inputs: Range) -> Range:
    parts = [_sorted(m * lo, m * hi) for m, (lo, hi) in zip(op.multipliers, inputs, strict=True)]
    return sum(p[0] for p in parts), sum(p[1] for p in parts)  # type: ignore[return-value]


@_range.register
def _(op: Multiply, tensor: Tensor, *inputs: Range) -> Range:
    a, b = ((lo + o, hi + o) for (lo, hi), o in zip(inputs, op.offsets, strict=True))
    ends = np.stack([x * y for x in a for y in b])
    return ends.min(axis=0), ends.max(axis=0)


@_range.register
def _(op: Concat, tensor: Tensor, *inputs: Range) -> Range:
    if op.axis == 2:
        return (np.concatenate([lo for lo, _ in inputs]), np.concatenate([hi for _, hi in inputs]))
    return (np.stack([lo for lo, _ in inputs]).min(axis=0),
            np.stack([hi for _, hi in inputs]).max(axis=0))


@_range.register
def _(op: Reshape, tensor: Tensor, x: Range) -> Range:
    channels = tensor.shape[2]
    if channels % len(x[0]):
        return _whole(tensor)
    times = channels // len(x[0])
    return np.tile(x[0], times), np.tile(x[1], times)


def _sorted(a: Array, b: Array) -> Range:
    return np.minimum(a, b), np.maximum(a, b)
