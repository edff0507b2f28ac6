"""Arrays of the source model to integers of the network, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import QuantloomError
from .graph import Interface, Network

__all__ = ["dequantize", "inputs_to_integers", "integers_to_source", "random_frames",
           "round_inputs"]

Array = np.ndarray[Any, Any]

# A real counts as on the grid when it is this close to a grid point, in units in the last place
# of float32: pixel / 255 and pixel * (1 / 255) stand for one grid point.
_ULPS = 2


def inputs_to_integers(network: Network, array: Any) -> Array:
    """Integers of the network's input tensor for an array of the model's inputs.

    Parameters
    ----------
    network : Network
    array : array
        Integers of the input grid, or reals that lie on it. The shape is the model's own input
        shape or the network's (height, width, channels), with or without a leading frames axis;
        axes of size 1 may be missing or added.

    Returns
    -------
    array of int64, (frames, height, width, channels)

    Raises
    ------
    QuantloomError
        If the shape or type does not fit, or an element is not finite, off the grid, or outside
        the range; the first such element is named.
    """
    array = np.asarray(array)
    end = network.source_input
    assert end is not None
    frames, raster = _frames(network, end, array)
    if np.issubdtype(frames.dtype, np.floating):
        integers = _from_reals(network, end, frames, raster)
    elif np.issubdtype(frames.dtype, np.integer):
        integers = frames
    else:
        raise QuantloomError(f"{network.name}: inputs must be integers or reals, "
                             f"not {array.dtype}")
    tensor = network.input
    bad = (integers < tensor.lo) | (integers > tensor.hi)
    if tensor.type.bipolar:
        bad |= integers == 0
    if bad.any():
        where = _first(bad)
        values = "-1 or +1" if tensor.type.bipolar else f"{tensor.lo} to {tensor.hi}"
        got = f"{frames[where]!s}"
        if integers is not frames:
            got += f" (integer {integers[where]})"
        raise QuantloomError(f"{network.name}: input frame {where[0]}, index {where[1:]}, is {got};"
                             f" inputs must be {tensor.type}, {values}")
    integers = integers.astype(np.int64)
    if raster:
        return integers.reshape(-1, *tensor.shape)
    flat = np.empty((len(integers), tensor.size), np.int64)
    flat[:, end.order.ravel()] = integers.reshape(-1, tensor.size)
    return flat.reshape(-1, *tensor.shape)


def round_inputs(network: Network, array: Any) -> Array:
    """Integers of the network's input tensor that lie nearest to reals, half to even.

    Parameters
    ----------
    network : Network
    array : array of real
        Of a shape that :func:`inputs_to_integers` takes. What lies beyond the grid becomes its end,
        as a quantiser in the model would have it.

    Returns
    -------
    array of int64, (frames, height, width, channels)

    Raises
    ------
    QuantloomError
        If the shape does not fit, or an element is not finite.
    """
    end, tensor = network.source_input, network.input
    assert end is not None
    frames, raster = _frames(network, end, np.asarray(array, np.float32))
    scale = np.broadcast_to(np.asarray(end.scale, np.float32), end.shape)
    if raster or not np.isfinite(frames).all():
        return inputs_to_integers(network, frames)
    steps = np.rint(frames / scale) + np.float32(end.zero_point)
    lo, hi = tensor.lo, tensor.hi
    if tensor.type.bipolar:
        steps = np.where(frames >= 0, 1, -1)
    return inputs_to_integers(network, np.clip(steps, lo, hi).astype(np.int64))


def random_frames(network: Network, frames: int, seed: int = 0) -> Array:
    """Uniform integers of the input tensor, (frames, height, width, channels)."""
    x = network.input
    rng = np.random.default_rng(seed)
    if x.type.bipolar:
        return x.type.decode(rng.integers(0, 2, (frames, *x.shape)))
    return rng.integers(x.lo, x.hi + 1, (frames, *x.shape))


def integers_to_source(network: Network, integers: Array) -> Array:
    """Output integers in the model's own layout.

    Parameters
    ----------
    network : Network
    integers : array of int, (frames, height, width, channels)

    Returns
    -------
    array of int, (frames, \\*source output shape)
    """
    end = network.source_output
    assert end is not None
    return np.asarray(integers).reshape(len(integers), end.order.size)[:, end.order]


def dequantize(network: Network, integers: Array) -> Array:
    """Reals of output integers.

    Parameters
    ----------
    network : Network
    integers : array of int, (frames, \\*source output shape)
        In the model's own layout, as from :func:`integers_to_source`.

    Returns
    -------
    array of float64, (frames, \\*source output shape)
    """
    end = network.source_output
    assert end is not None
    return np.asarray(end.scale * (np.asarray(integers, np.float64) - end.zero_point) + end.offset)


def _frames(network: Network, end: Interface, array: Array) -> tuple[Array, bool]:
    """The array with a frames axis, and whether it stands in the network's raster order."""
    for shape, raster in ((tuple(end.shape), False), (network.input.shape, True)):
        for got in (array.shape[1:], array.shape):
            if got == shape:
                return array.reshape(-1, *shape), raster
    wanted = tuple(n for n in end.shape if n != 1)
    got = tuple(n for n in array.shape if n != 1)
    # With one more axis than the sample has, the first is the frames.
    if array.size and (got == wanted or (len(got) == len(wanted) + 1 and got[1:] == wanted)):
        return array.reshape(-1, *end.shape), False
    layouts = [f"(frames, {', '.join(map(str, end.shape))})"]
    if tuple(end.shape) != network.input.shape:
        layouts.append(f"(frames, {', '.join(map(str, network.input.shape))}), channels last")
    raise QuantloomError(f"{network.name}: inputs must have shape {' or '.join(layouts)}, "
                         f"not {array.shape}")


def _from_reals(network: Network, end: Interface, reals: Array, raster: bool) -> Array:
    scale = np.broadcast_to(np.asarray(end.scale, np.float64), end.shape)
    if raster:
        flat = np.empty(scale.size)
        flat[end.order.ravel()] = scale.ravel()
        scale = flat.reshape(network.input.shape)
    finite = np.isfinite(reals)
    if not finite.all():
        where = _first(~finite)
        raise QuantloomError(f"{network.name}: input frame {where[0]}, index {where[1:]}, is "
                             f"{reals[where]!s}; inputs must be finite")
    steps = np.rint(reals.astype(np.float64) / scale)
    near = np.abs(steps) < 2.0**31
    with np.errstate(over="ignore"):
        point = np.where(near, scale * steps, 0).astype(np.float32)
        gap = np.abs(np.where(near, reals, 0).astype(np.float32) - point)
    off = ~near | (gap > _ULPS * np.spacing(np.abs(point)))
    if off.any():
        where = _first(off)
        size = scale[where[1:]]
        raise QuantloomError(
            f"{network.name}: input frame {where[0]}, index {where[1:]}, is {reals[where]!s}, "
            f"which is off the input grid: {size:.9g} * (integer - {end.zero_point}). Pass "
            "integers, or reals rounded to the grid"
        )
    return steps.astype(np.int64) + end.zero_point


def _first(mask: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
