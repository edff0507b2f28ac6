"""Operations that only rearrange, and where elements stand in the stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from .context import Context, LayoutError, converts
from .reader import Node
from .values import Const, Value

__all__ = ["arrangement", "spatial", "spread"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]


def spread(shape: Shape, rank: int, channels_last: bool) -> Array:
    """Places of the elements of a feature map in ONNX order, batch axis first.

    Parameters
    ----------
    shape : (height, width, channels)
        Of the network tensor.
    rank : int
        4 for images, 3 for sequences, 2 for vectors.
    channels_last : bool
        (1, height, width, channels) instead of (1, channels, height, width).
    """
    places = np.arange(int(np.prod(shape))).reshape(shape)
    if not channels_last:
        places = places.transpose(2, 0, 1)
        return places.reshape(1, shape[2], *shape[4 - rank : 2])
    return places.reshape(1, *shape[4 - rank : 2], shape[2])


def arrangement(node: Node, value: Value) -> Shape:
    """Height, width and channels of a feature map, read off its ONNX shape."""
    shape = value.index.shape
    if not 3 <= len(shape) <= 4 or shape[0] != 1:
        raise UnsupportedError(node.label, f"it works on a tensor of shape {shape}",
                               "Only (1, channels, height, width) and (1, channels, length) "
                               "are supported")
    inner = shape[1:-1] if node.channels_last else shape[2:]
    height, width = (1, *inner)[-2:]
    return height, width, shape[-1] if node.channels_last else shape[1]


def spatial(ctx: Context, node: Node, value: Value) -> tuple[Value, Shape]:
    """The value on a network tensor whose raster is that of the feature map.

    Raises
    ------
    LayoutError
        If the elements come in another order than the operation needs them.
    """
    shape = arrangement(node, value)
    places = spread(shape, value.index.ndim, node.channels_last)
    if ctx.size(value) != value.index.size or not np.array_equal(places, value.index):
        raise LayoutError(node.label, "the transposition before it would reorder the stream",
                          "Keep feature maps in one layout from the first to the last operation")
    if value.raw or ctx.tensor(value).shape == shape:
        return value, shape
    if value.uniform:
        return ctx.reshape(value, shape), shape
    channels, old = shape[2], ctx.tensor(value).shape[2]
    if channels % old == 0:
        return ctx.reshape(value, shape, channels // old), shape
    raise LayoutError(node.label, "the channels before it become positions",
                      "Quantise with one scale for the whole tensor before the reshape")


def _rearrange(ctx: Context, node: Node, function: Callable[[Array], Array]) -> Value | Const:
    x = ctx.get(node, 0)
    if x is None:
        raise UnsupportedError(node.label, "it has no input", "Repair the model")
    try:
        return x.map(function)
    except (ValueError, IndexError) as error:
        shape = x.index.shape if isinstance(x, Value) else x.array.shape
        raise UnsupportedError(node.label, f"a tensor of shape {shape} cannot be rearranged so "
                               f"({error})", "Export the model with fixed sizes") from None


@converts("Identity", "Dropout", "DebugMarker")
def _identity(ctx: Context, node: Node) -> Value | Const:
    return _rearrange(ctx, node, lambda a: a)


@converts("Reshape")
def _reshape(ctx: Context, node: Node) -> Value | Const:
    target = [int(n) for n in ctx.const(node, 1, node.attributes.get("shape"))]
    keep_zero = bool(node.attributes.get("allowzero", 0))

    def reshape(a: Array) -> Array:
        return a.reshape([a.shape[i] if n == 0 and not keep_zero else n
                          for i, n in enumerate(target)])

    return _rearrange(ctx, node, reshape)


@converts("Flatten")
def _flatten(ctx: Context, node: Node) -> Value | Const:
    axis = int(node.attributes.get("axis", 1))

    def flatten(a: Array) -> Array:
        return a.reshape(int(np.prod(a.shape[:axis], dtype=int)), -1)

    return _rearrange(ctx, node, flatten)


@converts("Transpose")
def _transpose(ctx: Context, node: Node) -> Value | Const:
    return _rearrange(ctx, node, lambda a: a.transpose(node.attributes.get("perm")))


def _axes(ctx: Context, node: Node) -> tuple[int, ...] | None:
    axes = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        axes = ctx.const(node, 1).tolist()
    return None if axes is None else tuple(int(a) for a in np.ravel(axes))


@converts("Squeeze")
def _squeeze(ctx: Context, node: Node) -> Value | Const:
    return _rearrange(ctx, node, lambda a: np.squeeze(a, _axes(ctx, node)))


@converts("Unsqueeze")
def _unsqueeze(ctx: Context, node: Node) -> Value | Const:
    return _rearrange(ctx, node, lambda a: np.expand_dims(a, _axes(ctx, node) or ()))


@converts("Shape")
def _shape(ctx: Context, node: Node) -> Const:
    x = ctx.get(node, 0)
    shape = x.index.shape if isinstance(x, Value) else np.shape(x.array if x else 0)
    window = slice(node.attributes.get("start"), node.attributes.get("end"))
    return Const(np.array(shape[window], np.int64))
