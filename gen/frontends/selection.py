"""Parts of feature maps that are read: rows, columns and channels that need not come through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .context import Context
from .reader import Node
from .values import Value

__all__ = ["cut"]

Array = np.ndarray[Any, Any]


def cut(ctx: Context, node: Node, value: Value, *, channels: bool = False) -> Value:
    """The value on a tensor that has only what is read, where that is a grid of rows and columns.

    What lies around the grid is cropped; of rows or columns at a distance, pooling with a kernel of
    one element takes every so many. Other values are returned as they are.

    Parameters
    ----------
    channels : bool
        Crop a range of channels as well. Operations with weights need no such crop: what they do
        not read has weights of zero.
    """
    if value.raw or value.tensor in ctx.pairs or value.index.size == ctx.size(value):
        return value
    tensor = ctx.tensor(value)
    places = np.unique(value.index)
    position, channel = np.divmod(places, tensor.shape[2])
    axes = [np.unique(a) for a in (*np.divmod(position, tensor.shape[1]), channel)]
    if len(places) != np.prod([len(a) for a in axes]):
        return value
    if not channels:
        axes[2] = np.arange(tensor.shape[2])
    strides = [_stride(a) for a in axes]
    if strides[2] != 1 or 0 in strides:
        return value
    start, size = ([int(a[0]) for a in axes], [int(a[-1] - a[0]) + 1 for a in axes])
    name = ctx.box(node.label, value.tensor, (start[0], start[1], start[2]),
                   (size[0], size[1], size[2]), (strides[0], strides[1]))
    if name == value.tensor:
        return value
    # Each place's own number along its axis, and from these its place in the new raster.
    position, channel = np.divmod(value.index, tensor.shape[2])
    y, x, c = (np.searchsorted(a, at) for a, at in
               zip(axes, (*np.divmod(position, tensor.shape[1]), channel), strict=True))
    index = (y * len(axes[1]) + x) * len(axes[2]) + c
    value = replace(value, tensor=name, index=index, exclusive=False)
    return value if len(axes[2]) == tensor.shape[2] else value.channels(axes[2])


def _stride(axis: Array) -> int:
    """Distance of the numbers; 0 if they are at several."""
    steps = np.unique(np.diff(axis))
    return 1 if not steps.size else int(steps[0]) if steps.size == 1 else 0
