"""Operations that only rearrange, and where elements stand in the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..network import DepthToSpace, SpaceToDepth
from .context import Context, LayoutError, converts
from .reader import Node
from .selection import cut
from .values import Const, Value

__all__ = ["FeatureMap", "arrangement", "in_blocks", "spatial", "spread"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]

_BLOCKWISE = frozenset({"DepthToSpace", "Gather", "Slice", "SpaceToDepth", "Split"})
"""Operators that move or select elements of a feature map."""


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


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """A feature map as channels of a network tensor that has its raster.

    Parameters
    ----------
    value : Value
    shape : (height, width, channels)
        Of the feature map.
    channels : array of int, (channels,)
        Channel of the network tensor that each one is; all of them in order unless channels were
        selected or shuffled before.
    every : int
        Channels of the network tensor.
    """

    value: Value
    shape: Shape
    channels: Array
    every: int

    @property
    def whole(self) -> bool:
        """Whether the channels are those of the tensor, in order."""
        return np.array_equal(self.channels, np.arange(self.every))

    def pick(self, node: Node, places: Array) -> Array:
        """Places of the feature map's channels, out of those of all channels of the tensor."""
        return places if self.whole else np.take(places, self.channels,
                                                 axis=-1 if node.channels_last else 1)


def spatial(ctx: Context, node: Node, value: Value) -> FeatureMap:
    """The feature map that an operation over height and width reads.

    Raises
    ------
    LayoutError
        If the elements come in another order than the operation needs them.
    """
    value = in_blocks(ctx, node, cut(ctx, node, value), channels_last=node.channels_last)
    shape = arrangement(node, value)
    places = spread(shape, value.index.ndim, node.channels_last)
    if ctx.size(value) != value.index.size or not np.array_equal(places, value.index):
        return FeatureMap(value, shape, _channels(ctx, node, value, shape), ctx.channels(value))
    if not value.raw and ctx.tensor(value).shape != shape:
        channels, old = shape[2], ctx.tensor(value).shape[2]
        if value.uniform:
            value = ctx.reshape(value, shape)
        elif channels % old == 0:
            value = ctx.reshape(value, shape, channels // old)
        else:
            raise LayoutError(node.label, "the channels before it become positions",
                              "Quantise with one scale for the whole tensor before the reshape")
    return FeatureMap(value, shape, np.arange(shape[2]), shape[2])


def _channels(ctx: Context, node: Node, value: Value, shape: Shape) -> Array:
    """The network tensor's channel that each channel of a feature map is."""
    if not value.raw and ctx.tensor(value).shape[:2] == shape[:2]:
        inner = value.index[0] if node.channels_last else np.moveaxis(value.index[0], 0, -1)
        position, channel = np.divmod(inner.reshape(-1, shape[2]), ctx.channels(value))
        raster = np.arange(len(position))[:, None]
        if np.all(position == raster) and np.all(channel == channel[0]):
            return np.asarray(channel[0])
    raise LayoutError(node.label, "the transposition before it would reorder the stream",
                      "Keep feature maps in one layout from the first to the last operation")


def in_blocks(ctx: Context, node: Node, value: Value, *,
              channels_last: bool | None = None) -> Value:
    """The value on a tensor in its own order, if channels became blocks of pixels or the reverse.

    Values in another order are returned as they are.

    Parameters
    ----------
    channels_last : bool or None
        Where the channels are; None: at either end.

    Raises
    ------
    LayoutError
        If the channels that become pixels have different scales.
    """
    rank = value.index.ndim
    if (value.raw or value.tensor in ctx.pairs or rank not in (3, 4) or value.index.shape[0] != 1
            or value.index.size != ctx.size(value)):
        return value
    old = ctx.tensor(value).shape
    ends = (False, True) if channels_last is None else (channels_last,)
    if any(np.array_equal(spread(old, rank, last), value.index) for last in ends):
        return value
    for last in ends:
        new = arrangement(replace(node, domain="channels_last" if last else ""), value)
        to_space = new[2] < old[2]
        few, many = (new, old) if to_space else (old, new)
        block = few[0] // many[0], few[1] // many[1]
        if (block[0] * many[0], block[1] * many[1], few[2] * block[0] * block[1]) != (
                few[0], few[1], many[2]):
            continue
        kind = DepthToSpace if to_space else SpaceToDepth
        places = np.arange(value.index.size).reshape(old)
        for channel_major in (False, True):
            op = kind(name=f"{value.tensor}_blocks", inputs=(value.tensor,), block=block,
                      channel_major=channel_major)
            found = spread(new, rank, last)
            if np.array_equal(op.moved(places).ravel()[found], value.index):
                return _moved(ctx, node, value, op, found)
    return value


def _moved(ctx: Context, node: Node, value: Value, op: DepthToSpace | SpaceToDepth,
           index: Array) -> Value:
    channels = ctx.channels(value)
    if isinstance(op, SpaceToDepth):
        value = value.channels(op.order(channels).reshape(-1, channels).argsort(axis=None)
                               % channels)
    elif not value.uniform:
        raise LayoutError(node.label, "the channels before it become positions",
                          "Quantise with one scale for the whole tensor before that")
    name = ctx.once(node.label, op, op.block, op.channel_major)
    return replace(value, tensor=name, index=index, exclusive=False)


def _rearrange(ctx: Context, node: Node, function: Callable[[Array], Array]) -> Value | Const:
    x = ctx.get(node, 0)
    if isinstance(x, Value) and node.op in _BLOCKWISE:
        x = in_blocks(ctx, node, x)  # what was moved before; two moves at once are not recognised
    if x is None:
        raise UnsupportedError(node.label, "it has no input", "Repair the model")
    try:
        return x.map(function)
    except (ValueError, IndexError, ArithmeticError) as error:
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


@converts("Slice")
def _slice(ctx: Context, node: Node) -> Value | Const:
    def numbers(position: int, key: str, default: list[int] | None) -> list[int]:
        given = node.attributes.get(key)
        if given is None:
            given = ctx.const(node, position, default)
        return [int(n) for n in np.ravel(given)]

    starts, ends = numbers(1, "starts", None), numbers(2, "ends", None)
    axes = numbers(3, "axes", list(range(len(starts))))
    steps = numbers(4, "steps", [1] * len(starts))

    def cut(a: Array) -> Array:
        windows = [slice(None)] * a.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            # Beyond the first element of a backward slice ONNX writes a large negative end.
            stop = None if step < 0 and end < -a.shape[axis] else end
            windows[axis] = slice(start, stop, step)
        part = a[tuple(windows)]
        if not part.size:
            raise ValueError("nothing is left")
        return part

    return _rearrange(ctx, node, cut)


@converts("Split")
def _split(ctx: Context, node: Node) -> list[Value | Const]:
    axis, parts = int(node.attributes.get("axis", 0)), len(node.outputs)
    sizes = node.attributes.get("split")
    if sizes is None and ctx.get(node, 1) is not None:
        sizes = ctx.const(node, 1).tolist()

    def part(k: int) -> Callable[[Array], Array]:
        def cut(a: Array) -> Array:
            each = -(-a.shape[axis] // parts)
            ends = np.cumsum(sizes) if sizes is not None else each * (1 + np.arange(parts))
            if sizes is not None and (len(sizes) != parts or ends[-1] != a.shape[axis]):
                raise ValueError(f"parts of {sizes}")
            return np.split(a, ends[:-1], axis)[k]

        return cut

    return [_rearrange(ctx, node, part(k)) for k in range(parts)]


@converts("Gather")
def _gather(ctx: Context, node: Node) -> Value | Const:
    which = ctx.const(node, 1)
    axis = int(node.attributes.get("axis", 0))
    return _rearrange(ctx, node, lambda a: np.take(a, which.astype(np.int64), axis))


@converts("DepthToSpace")
def _depth_to_space(ctx: Context, node: Node) -> Value | Const:
    block = int(node.attributes.get("blocksize", 0))
    mode = str(node.attributes.get("mode", "DCR"))
    if mode not in ("DCR", "CRD"):
        raise UnsupportedError(node.label, f"mode {mode!r}", "Use DCR or CRD")

    def shuffle(a: Array) -> Array:
        n, c, h, w = a.shape
        inner = c // (block * block)
        if mode == "DCR":
            a = a.reshape(n, block, block, inner, h, w).transpose(0, 3, 4, 1, 5, 2)
        else:
            a = a.reshape(n, inner, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
        return a.reshape(n, inner, h * block, w * block)

    return _rearrange(ctx, node, shuffle)


@converts("SpaceToDepth")
def _space_to_depth(ctx: Context, node: Node) -> Value | Const:
    block = int(node.attributes.get("blocksize", 0))

    def shuffle(a: Array) -> Array:
        n, c, h, w = a.shape
        a = a.reshape(n, c, h // block, block, w // block, block).transpose(0, 3, 5, 1, 2, 4)
        return a.reshape(n, c * block * block, h // block, w // block)

    return _rearrange(ctx, node, shuffle)


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
