"""Windows over feature maps: attributes, pooling, enlargement."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..network import MaxPool, Pad, SumPool, Upsample
from .averages import averageable
from .context import Context, converts
from .layouts import FeatureMap, spatial, spread
from .quantise import materialise
from .reader import Node
from .values import Step, Value, squeeze_uniform

__all__ = ["window"]

Array = np.ndarray[Any, Any]
Pads = tuple[int, int, int, int]

_MAX_PAD = 1 << 16


def window(node: Node, shape: tuple[int, int, int], kernel: tuple[int, int],
           ) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
    """Stride, dilation and pads (top, left, bottom, right) of a convolution or pooling node.

    Raises
    ------
    UnsupportedError
        If the attributes are malformed or the window does not fit.
    """
    def pair(key: str) -> tuple[int, int]:
        given = [int(v) for v in node.attributes.get(key, (1, 1))]
        given = [1, *given][-2:] if len(given) < 2 else given
        if len(given) != 2 or min(given) < 1:
            raise UnsupportedError(node.label, f"its {key} are {given}", "Repair the model")
        return given[0], given[1]

    stride, dilation = pair("strides"), pair("dilations")
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = [int(p) for p in node.attributes.get("pads", (0, 0, 0, 0))]
    if len(pads) == 2:
        pads = [0, pads[0], 0, pads[1]]
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        need = [max(0, (math.ceil(n / s) - 1) * s + k - n)
                for n, s, k in zip(shape[:2], stride, span, strict=True)]
        half = [n // 2 if auto == "SAME_UPPER" else n - n // 2 for n in need]
        pads = [*half, *(n - h for n, h in zip(need, half, strict=True))]
    elif auto == "VALID":
        pads = [0, 0, 0, 0]
    elif auto not in ("NOTSET", ""):
        raise UnsupportedError(node.label, f"auto_pad {auto!r}", "Give explicit pads")
    if len(pads) != 4 or min(pads) < 0 or max(pads) > _MAX_PAD:
        raise UnsupportedError(node.label, f"its pads are {pads}", "Repair the model")
    if any(n + pads[i] + pads[i + 2] < k for i, (n, k) in enumerate(zip(shape, span, strict=False))
           if i < 2):
        raise UnsupportedError(node.label, f"a window of {span} does not fit the input of "
                               f"{shape[0]} x {shape[1]}", "Repair the model")
    return stride, dilation, (pads[0], pads[1], pads[2], pads[3])


def _kernel(node: Node) -> tuple[int, int]:
    kernel = [int(k) for k in node.attributes.get("kernel_shape", ())]
    if not 1 <= len(kernel) <= 2 or min(kernel) < 1:
        raise UnsupportedError(node.label, f"its kernel is {kernel}", "Use one or two dimensions")
    return (1, kernel[0]) if len(kernel) == 1 else (kernel[0], kernel[1])


def _ceil(node: Node, shape: tuple[int, ...], span: list[int], stride: tuple[int, int],
          pads: Pads) -> Pads:
    """Pads that make a rounded-down window count the rounded-up one of ``ceil_mode``."""
    if not node.attributes.get("ceil_mode", 0):
        return pads
    extra = []
    for i in range(2):
        room = shape[i] + pads[i] + pads[i + 2] - span[i]
        last = math.ceil(room / stride[i])
        if last * stride[i] >= shape[i] + pads[i]:
            last -= 1  # a window must not lie in the padding alone
        extra.append(max(0, last * stride[i] - room))
    return pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1]


def _pad(ctx: Context, node: Node, name: str, tensor: str, pads: Pads, value: int) -> str:
    if not any(pads):
        return tensor
    return ctx.emit(node, Pad(name=ctx.names.take(f"{name}_pad"), inputs=(tensor,), pads=pads,
                              value=value))


@converts("MaxPool", "MaxPoolNHWC")
def _max_pool(ctx: Context, node: Node) -> Value:
    if len([o for o in node.outputs if o]) > 1:
        raise UnsupportedError(node.label, "it returns indices", "Use the values alone")
    if node.op == "MaxPoolNHWC":
        node = replace(node, domain="channels_last")
    source = spatial(ctx, node, ctx.value(node))
    value, shape = source.value, source.shape
    if value.raw:
        raise UnsupportedError(node.label, "it stands before the first quantiser",
                               "State the input's integer grid (--input-bits, --input-scale)")
    kernel = _kernel(node)
    stride, dilation, pads = window(node, shape, kernel)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = _ceil(node, shape, span, stride, pads)
    if any(step.rounds for step in value.steps):
        value = materialise(ctx, node, value)
    if not value.monotone:
        raise UnsupportedError(node.label, "a function before it rises and falls and is not "
                               "quantised yet", "Quantise before the pooling")
    every = ctx.channels(value)
    # The maximum commutes with what rises, so it need not wait for the quantiser.
    if np.any(value.sign < 0) and value.exclusive and value.zero_point == 0:
        done = ctx.negate(value.tensor, np.broadcast_to(value.sign < 0, (every,)))
        scale = np.broadcast_to(value.scale, (every,)) * np.where(done, -1.0, 1.0)
        value = replace(value, scale=squeeze_uniform(scale))
    if np.any(value.sign < 0):
        raise UnsupportedError(node.label, "a factor before it is negative and not quantised yet",
                               "Quantise before the pooling")
    name = ctx.name(node, "pool")
    tensor = _pad(ctx, node, name, value.tensor, pads, ctx.tensor(value).lo)
    ctx.emit(node, MaxPool(name=name, inputs=(tensor,), kernel=kernel, stride=stride,
                           dilation=dilation))
    index = source.pick(node, spread(ctx.tensors[name].shape, value.index.ndim,
                                     node.channels_last))
    return replace(value, tensor=name, index=index, exclusive=False)


@converts("Pad")
def _pad_node(ctx: Context, node: Node) -> Value:
    value = ctx.value(node)
    shape = value.index.shape
    mode = node.attributes.get("mode", "constant")
    if mode != "constant":
        raise UnsupportedError(node.label, f"mode {mode!r}", "Only constant padding is supported")
    given = node.attributes.get("pads", node.attributes.get("paddings"))
    given = ctx.const(node, 1) if given is None else np.asarray(given)
    axes = ctx.const(node, 3, range(len(shape))).tolist()
    if given.size != 2 * len(axes) or len({int(a) % len(shape) for a in axes}) != len(axes):
        raise UnsupportedError(node.label, f"its pads are {given.tolist()}", "Repair the model")
    pads = np.zeros((2, len(shape)), np.int64)
    pads[:, axes] = given.reshape(2, -1)
    if pads.max(initial=0) > _MAX_PAD:
        raise UnsupportedError(node.label, f"its pads are {pads.tolist()}", "Repair the model")
    cuts = tuple(slice(max(0, -int(first)), n - max(0, -int(last)))
                 for n, (first, last) in zip(shape, pads.T, strict=True))
    value = value.map(lambda index: index[cuts])
    if not value.index.size:
        raise UnsupportedError(node.label, "nothing is left", "Repair the model")
    pads = np.maximum(pads, 0)
    if not pads.any():
        return value
    if pads[:, 1].any() and not pads[:, -1].any():
        node = replace(node, domain="channels_last")  # Pad has no domain of its own for it
    inner = slice(1, -1) if node.channels_last else slice(2, None)
    if len(shape) not in (3, 4) or pads.sum() != pads[:, inner].sum():
        raise UnsupportedError(node.label, f"its pads are {pads.tolist()}",
                               "Only height and width can be padded")
    value = materialise(ctx, node, value)
    real = float(ctx.const(node, 2, node.attributes.get("value", 0.0)))
    fill = np.unique(real / value.scale) + value.zero_point
    if fill.size != 1 or fill[0] != np.rint(fill[0]):
        raise UnsupportedError(node.label, f"its value {real:g} is not on the grid of the tensor",
                               "Pad with zeros, or with a multiple of the scale")
    source = spatial(ctx, node, value)
    (top, left), (bottom, right) = ([0, *map(int, side[inner])][-2:] for side in pads)
    value = source.value
    name = _pad(ctx, node, ctx.name(node, "feature"), value.tensor,
                (top, left, bottom, right), int(fill[0]))
    index = source.pick(node, spread(ctx.tensors[name].shape, len(shape), node.channels_last))
    return replace(value, tensor=name, index=index, exclusive=False)


def _mean(ctx: Context, node: Node, source: FeatureMap, kernel: tuple[int, int],
          stride: tuple[int, int], pads: Pads, index: Array | None,
          counted: Pads | None = None) -> Value:
    """Sum of windows, to be divided by their size.

    ``counted`` are the pads that count as elements, all of them if they are not given. Where
    windows differ in size, the quotient is the source's as long as its sums are exact in float32,
    as with scales that are powers of two; else the source's own depend on the order of addition.
    """
    value = source.value
    size = kernel[0] * kernel[1]
    name = ctx.name(node, "pool")
    counted = pads if counted is None else counted
    tensor = _pad(ctx, node, name, value.tensor, counted, value.zero_point)
    top, left, bottom, right = (p - c for p, c in zip(pads, counted, strict=True))
    tensor = _pad(ctx, node, name, tensor, (top, left, bottom, right), 0)
    ctx.emit(node, SumPool(name=name, inputs=(tensor,), kernel=kernel, stride=stride))
    if counted != pads:
        name, size = averageable(ctx, node.label, name, value.tensor, kernel, stride, pads, counted)
    if index is None:
        index = source.pick(node, spread(ctx.tensors[name].shape, value.index.ndim,
                                         node.channels_last))
    result = Value(name, index, value.scale, value.zero_point * size, exclusive=True)
    if size == 1:
        return result
    n = np.float32(size)
    return result.then(Step(node.label, lambda x: x / n,
                            affine=(np.asarray(1.0 / size), np.zeros(()))))


@converts("AveragePool")
def _average_pool(ctx: Context, node: Node) -> Value:
    source = spatial(ctx, node, materialise(ctx, node, ctx.value(node)))
    shape = source.shape
    kernel = _kernel(node)
    stride, dilation, pads = window(node, shape, kernel)
    if dilation != (1, 1):
        raise UnsupportedError(node.label, "it is dilated", "Use dilation 1")
    counted = pads if node.attributes.get("count_include_pad", 0) else (0, 0, 0, 0)
    pads = _ceil(node, shape, list(kernel), stride, pads)
    return _mean(ctx, node, source, kernel, stride, pads, None, counted)


@converts("GlobalAveragePool")
def _global_average_pool(ctx: Context, node: Node) -> Value:
    source = spatial(ctx, node, materialise(ctx, node, ctx.value(node)))
    return _mean(ctx, node, source, source.shape[:2], (1, 1), (0, 0, 0, 0), None)


@converts("ReduceMean")
def _reduce_mean(ctx: Context, node: Node) -> Value:
    value = materialise(ctx, node, ctx.value(node))
    axes = node.attributes.get("axes")
    axes = ctx.const(node, 1) if axes is None else np.asarray(axes)
    rank = value.index.ndim
    axes = tuple(sorted(int(a) % rank for a in np.ravel(axes)))
    if axes == tuple(range(1, rank - 1)):
        node = replace(node, domain="channels_last")
    elif axes != tuple(range(2, rank)):
        raise UnsupportedError(node.label, f"a mean over the axes {axes} of {rank}",
                               "Only the mean over height and width is supported")
    source = spatial(ctx, node, value)
    index = source.channels.reshape(1, -1)
    if node.attributes.get("keepdims", 1):
        index = np.expand_dims(index, axes)
    return _mean(ctx, node, source, source.shape[:2], (1, 1), (0, 0, 0, 0), index)


def _factors(ctx: Context, node: Node, value: Value) -> Array:
    """Enlargement of each axis."""
    scales = node.attributes.get("scales")
    if scales is not None:
        return np.asarray(scales, np.float64)
    if node.op == "Resize" and ctx.get(node, 3) is not None:
        sizes = ctx.const(node, 3).astype(np.float64)
        return sizes / value.index.shape if sizes.size == value.index.ndim else sizes
    position = 1 if node.op == "Upsample" or len(node.inputs) == 2 else 2
    return ctx.const(node, position).astype(np.float64).ravel()


@converts("Resize", "Upsample")
def _resize(ctx: Context, node: Node) -> Value:
    value = ctx.value(node)
    if value.raw:
        value = materialise(ctx, node, value)
    if node.attributes.get("mode", "nearest") != "nearest":
        raise UnsupportedError(node.label, f"mode {node.attributes['mode']!r}",
                               "Only nearest-neighbour enlargement is supported")
    scales = _factors(ctx, node, value)
    rank = value.index.ndim
    whole = scales.size == rank and np.all(scales == np.rint(scales)) and np.all(scales >= 1) \
        and scales.max() <= 64
    if whole and scales[1] != 1 and scales[-1] == 1:
        # Resize has no channels-last domain of its own; the factors tell.
        node = replace(node, domain="channels_last")
    inner = slice(1, rank - 1) if node.channels_last else slice(2, rank)
    if not whole or np.prod(scales) != np.prod(scales[inner]):
        raise UnsupportedError(node.label, f"its factors are {scales.tolist()}",
                               "Only whole factors for height and width are supported")
    source = spatial(ctx, node, value)
    value = source.value
    factors = scales[inner].astype(int).tolist()
    for n, f in zip(value.index.shape[inner], factors, strict=True):
        if not _repeats(node, n, f):
            raise UnsupportedError(node.label, "its rounding does not repeat each element alike",
                                   "Use coordinate mode asymmetric with nearest mode floor")
    height, width = (1, *factors)[-2:]
    name = ctx.name(node, "upsample")
    ctx.emit(node, Upsample(name=name, inputs=(value.tensor,), factors=(height, width)))
    index = source.pick(node, spread(ctx.tensors[name].shape, rank, node.channels_last))
    return replace(value, tensor=name, index=index, exclusive=False)


def _repeats(node: Node, n: int, factor: int) -> bool:
    """Whether nearest-neighbour enlargement takes element ``i // factor`` for each ``i``."""
    i = np.arange(n * factor)
    x: Array
    if node.op == "Upsample":
        return True
    mode = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "asymmetric":
        x = i / factor
    elif mode in ("half_pixel", "pytorch_half_pixel"):
        x = (i + 0.5) / factor - 0.5 if n * factor > 1 else i * 0.0
    else:
        return False
    nearest: dict[str, Callable[[Array], Array]] = {
        "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    rounding = nearest.get(node.attributes.get("nearest_mode", "round_prefer_floor"))
    return rounding is not None and bool(
        np.array_equal(np.clip(rounding(x), 0, n - 1), i // factor))
