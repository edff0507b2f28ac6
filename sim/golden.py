"""Golden model: the integer network, exactly, in NumPy.

Every operation is one function, registered by the type of the operation; it takes the operation
and its input arrays of shape (frames, height, width, channels). Matrix products go through BLAS
in floating point wherever every partial sum is provably an integer that the format represents,
and through int64 otherwise, so the results are exact in either case.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..gen.errors import QuantloomError
from ..gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    DepthToSpace,
    MaxPool,
    Multiply,
    Network,
    Op,
    Pad,
    Requantize,
    Reshape,
    SpaceToDepth,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
    Weigh,
)

__all__ = ["compute", "run"]

Array = np.ndarray[Any, Any]

# Bytes of the patches that one matrix product of a convolution gathers.
_PATCH_BYTES = 1 << 25
# Elements of all tensors of the frames that are computed at a time.
_CHUNK_ELEMENTS = 1 << 24


def run(network: Network, x: Array, *, keep: bool = False) -> dict[str, Array]:
    """Compute a network's tensors.

    Parameters
    ----------
    network : Network
    x : array of int, (frames, height, width, channels)
        Elements of the network's input type and range.
    keep : bool
        Return every tensor, the input included, instead of the output alone.

    Returns
    -------
    dict of str to array of int, (frames, height, width, channels)
        By tensor name, in the narrowest NumPy type that holds the tensor's range.

    Raises
    ------
    QuantloomError
        If the input has the wrong shape or type, or leaves the input tensor's range.
    """
    x = np.asarray(x)
    tensor = network.input
    if x.ndim != 4 or x.shape[1:] != tensor.shape or not np.issubdtype(x.dtype, np.integer):
        raise QuantloomError(f"{network.name}: the input must be integers of shape "
                             f"(frames, {', '.join(map(str, tensor.shape))}), "
                             f"not {x.dtype} of shape {x.shape}")
    if not tensor.type.contains(x) or (x.size and (x.min() < tensor.lo or x.max() > tensor.hi)):
        raise QuantloomError(f"{network.name}: the input must be {tensor.type} within "
                             f"{tensor.lo} to {tensor.hi}, not {x.min()} to {x.max()}")
    step = max(1, _CHUNK_ELEMENTS // sum(t.size for t in network.tensors.values()))
    last_use = {name: i for i, op in enumerate(network.ops) for name in op.inputs}
    parts = []
    for start in range(0, max(1, len(x)), step):
        values = {"input": x[start : start + step].astype(_dtype(tensor))}
        for i, op in enumerate(network.ops):
            y = compute(op, *(values[name] for name in op.inputs))
            inferred = network.tensors[op.name]
            # A violation is a fault of the inference or of this model, not of the input.
            if y.size and not inferred.lo <= int(y.min()) <= int(y.max()) <= inferred.hi:
                raise AssertionError(f"{op.name}: {y.min()} to {y.max()} leaves {inferred}")
            values[op.name] = y.astype(_dtype(inferred), copy=False)
            if not keep:
                for name in {n for n in op.inputs if last_use[n] == i}:
                    del values[name]
        parts.append(values if keep else {network.output: values[network.output]})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _dtype(tensor: Tensor) -> np.dtype[Any]:
    if tensor.lo >= 0:
        return np.min_scalar_type(tensor.hi)
    return np.min_scalar_type(min(tensor.lo, -tensor.hi - 1))


@singledispatch
def compute(op: Op, *inputs: Array) -> Array:
    """Output array of one operation.

    Parameters
    ----------
    op : Op
    inputs : arrays of int, (frames, height, width, channels)

    Returns
    -------
    array of int, (frames, height, width, channels)
    """
    raise NotImplementedError(f"no golden model of {type(op).__name__}")


def _exact_type(weights: Array, x: Array) -> type:
    """Type in which no partial sum of ``x @ weights`` (contracted over axis -2) is rounded."""
    peak = max(abs(int(x.min())), abs(int(x.max()))) if x.size else 0
    bound = peak * int(np.abs(weights).sum(axis=-2).max(initial=0))
    if bound < 1 << 24:
        return np.float32
    return np.float64 if bound < 1 << 53 else np.int64


def _taps(op: Any, x: Array, kernel: tuple[int, int]) -> list[list[Array]]:
    """For each kernel position the elements it meets: views of (frames, oh, ow, channels)."""
    dilation = getattr(op, "dilation", (1, 1))
    size = [(n - (k - 1) * d - 1) // s + 1
            for n, k, s, d in zip(x.shape[1:3], kernel, op.stride, dilation, strict=True)]
    (sy, sx), (dy, dx) = op.stride, dilation
    return [[x[:, i * dy : i * dy + (size[0] - 1) * sy + 1 : sy,
               j * dx : j * dx + (size[1] - 1) * sx + 1 : sx] for j in range(kernel[1])]
            for i in range(kernel[0])]


@compute.register
def _(op: Conv2d, x: Array) -> Array:
    cin, cout = op.weights.shape[2:]
    if cin == 1 and op.groups == x.shape[3]:
        return _depthwise(op, x)
    exact = _exact_type(op.weights.reshape(-1, cout), x)
    x = x.astype(exact)
    per_group = cout // op.groups
    outputs = [_conv(op, x[..., g * cin : (g + 1) * cin],
                     op.weights[..., g * per_group : (g + 1) * per_group].astype(exact))
               for g in range(op.groups)]
    y = outputs[0] if op.groups == 1 else np.concatenate(outputs, axis=3)
    return y.astype(np.int64) if op.bias is None else y.astype(np.int64) + op.bias


def _conv(op: Conv2d, x: Array, weights: Array) -> Array:
    (kh, kw, _, cout), (sy, sx), (dy, dx) = weights.shape, op.stride, op.dilation
    matrix = weights.reshape(-1, cout)
    span = ((kh - 1) * dy + 1, (kw - 1) * dx + 1)
    windows = sliding_window_view(x, span, axis=(1, 2))[:, ::sy, ::sx, :, ::dy, ::dx]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)  # frames, oh, ow, kh, kw, channels
    n, oh, ow = windows.shape[:3]
    out = np.empty((n, oh, ow, cout), x.dtype)
    rows = max(1, _PATCH_BYTES // (ow * matrix.shape[0] * x.itemsize))
    if rows >= oh:
        frames = rows // oh
        for i in range(0, n, frames):
            part = windows[i : i + frames].reshape(-1, matrix.shape[0]) @ matrix
            out[i : i + frames] = part.reshape(-1, oh, ow, cout)
    else:
        for i in range(n):
            for r in range(0, oh, rows):
                part = windows[i, r : r + rows].reshape(-1, matrix.shape[0]) @ matrix
                out[i, r : r + rows] = part.reshape(-1, ow, cout)
    return out


def _depthwise(op: Conv2d, x: Array) -> Array:
    copies = op.weights.shape[3] // op.groups
    bound = _exact_type(op.weights.reshape(-1, op.weights.shape[3]), x)
    # int32 holds what float32 holds exactly, and is as fast elementwise.
    exact = np.int32 if bound is np.float32 else np.int64
    y: Array | None = None
    for i, row in enumerate(_taps(op, x, op.kernel)):
        for j, tap in enumerate(row):
            wide = np.repeat(tap, copies, axis=3) if copies > 1 else tap
            term = wide.astype(exact) * op.weights[i, j, 0].astype(exact)
            y = term if y is None else np.add(y, term, out=y)
    assert y is not None
    return y if op.bias is None else y.astype(np.int64) + op.bias


@compute.register
def _(op: Dense, x: Array) -> Array:
    exact = _exact_type(op.weights, x)
    flat: Array = x.reshape(len(x), len(op.weights)).astype(exact)
    y = (flat @ op.weights.astype(exact)).astype(np.int64)
    if op.bias is not None:
        y += op.bias
    return y[:, None, None, :]


@compute.register
def _(op: Threshold, x: Array) -> Array:
    rows, steps = op.thresholds.shape
    if steps <= 4:
        count: Array = np.zeros(x.shape, np.int8)
        for k in range(steps):
            count += x >= op.thresholds[:, k]
    else:
        # One search for all channels: thresholds of channel c are shifted by c times the span.
        # Clipping them to the values that occur changes no comparison.
        lo, hi = (int(x.min()), int(x.max())) if x.size else (0, 0)
        shift = np.arange(rows) * (hi - lo + 2)
        keys = (np.clip(op.thresholds, lo, hi + 1) - lo + shift[:, None]).ravel()
        count = np.searchsorted(keys, x.astype(np.int64) - lo + shift, side="right")
        count -= np.arange(rows) * steps
    if op.descending is not None:
        count = np.where(op.descending, steps - count, count)
    return op.base + op.step * count.astype(np.int64)


@compute.register
def _(op: Requantize, x: Array) -> Array:
    x = x.astype(np.int64)
    offset = op.offset if op.negative_offset is None else np.where(
        x < 0, op.negative_offset, op.offset)
    total = x * op.multiplier + offset
    if op.to_even and op.shift:
        total += (1 << op.shift - 1) - 1 + (total >> op.shift & 1)
    y = total >> op.shift
    if op.wrap:
        return (y - op.type.lo) % (1 << op.type.bits) + op.type.lo
    return np.clip(y, *op.bounds)


@compute.register
def _(op: Multiply, a: Array, b: Array) -> Array:
    return (a.astype(np.int64) + op.offsets[0]) * (b.astype(np.int64) + op.offsets[1])


@compute.register
def _(op: Weigh, x: Array) -> Array:
    return x.astype(np.int64) * op.rows[:, None, None] * op.columns[:, None]


@compute.register
def _(op: Clip, x: Array) -> Array:
    return np.clip(x.astype(np.int64), op.lo, op.hi)


@compute.register
def _(op: Pad, x: Array) -> Array:
    top, left, bottom, right = op.pads
    wide = x.astype(np.int64)
    return np.pad(wide, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=op.value)


@compute.register
def _(op: Crop, x: Array) -> Array:
    box = (slice(first, first + n) for first, n in zip(op.start, op.size, strict=True))
    return x[:, *box]


@compute.register
def _(op: MaxPool, x: Array) -> Array:
    taps = [tap for row in _taps(op, x, op.kernel) for tap in row]
    y = taps[0].copy()
    for tap in taps[1:]:
        np.maximum(y, tap, out=y)
    return y


@compute.register
def _(op: SumPool, x: Array) -> Array:
    taps = [tap for row in _taps(op, x, op.kernel) for tap in row]
    y = taps[0].astype(np.int64)
    for tap in taps[1:]:
        y += tap
    return y


@compute.register
def _(op: Add, *xs: Array) -> Array:
    y = np.zeros(xs[0].shape, np.int64)
    for x, multiplier in zip(xs, op.multipliers, strict=True):
        y += x.astype(np.int64) * multiplier
    return y


@compute.register
def _(op: Concat, *xs: Array) -> Array:
    return np.concatenate(xs, axis=1 + op.axis)


@compute.register
def _(op: Upsample, x: Array) -> Array:
    return x.repeat(op.factors[0], axis=1).repeat(op.factors[1], axis=2)


@compute.register
def _(op: DepthToSpace, x: Array) -> Array:
    return op.moved(x)


@compute.register
def _(op: SpaceToDepth, x: Array) -> Array:
    return op.moved(x)


@compute.register
def _(op: Reshape, x: Array) -> Array:
    return x.reshape(len(x), *op.shape)


@compute.register
def _(op: ArgMax, x: Array) -> Array:
    return x.argmax(axis=3)[..., None]
