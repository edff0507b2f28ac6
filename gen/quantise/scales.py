"""Scales of quantisers: those of the least squared error, or those that nothing exceeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formats import Format

__all__ = ["activation_scale", "levels", "weight_scales"]

Array = np.ndarray[Any, Any]

# Shares of the largest magnitude at which a range may end, finest where low bits want it.
_ENDS = np.geomspace(1.0, 0.02, 60)
# Scales at which float32 neither vanishes nor overflows; of a tensor of zeros any will do.
_SMALLEST = 2.0**-60


def levels(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest integer of a quantiser of activations with 2 bits or more."""
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def weight_scales(rows: Array, form: Format) -> Array:
    """One scale a row of weights.

    Parameters
    ----------
    rows : array, (rows, n)
        Weights that share a scale, in a row.
    form : Format

    Returns
    -------
    array of float32, (rows,)
        With one bit, the mean magnitude, which is the scale of the least squared error of -1 and
        +1 (Rastegari et al., XNOR-Net, 2016, section 3.1). Weights never wrap: where results do,
        the scale covers the largest.
    """
    magnitude = np.abs(rows.astype(np.float64))
    if form.weights == 1:
        # Pruned weights are zeros beside the -1 and +1, and have no part in the scale.
        mean = magnitude.sum(axis=1) / np.maximum((magnitude > 0).sum(axis=1), 1)
        return _settled(mean, form.power_of_two, cover=False)
    top = (1 << form.weights - 1) - 1
    return _best(rows, magnitude.max(axis=1, initial=0), -top, top, form.power_of_two,
                 form.overflow == "wrap")


def activation_scale(values: Array, peak: tuple[float, float], signed: bool, bits: int, *,
                     power_of_two: bool, cover: bool) -> float:
    """Scale of a tensor's quantiser.

    Parameters
    ----------
    values : array
        Elements that were met in calibration.
    peak : pair of float
        Smallest and largest element of all.
    signed : bool
    bits : int
    power_of_two : bool
    cover : bool
        Nothing that was met may be out of range.
    """
    if bits == 1 and signed:
        scale = np.abs(values).mean(keepdims=True)
        return float(_settled(scale, power_of_two, cover=False)[0])
    lo, hi = levels(bits, signed)
    # What hi must stand for, so that lo reaches the smallest as well.
    reach = max(peak[1], peak[0] * hi / lo if lo else 0.0)
    return float(_best(values[None], np.array([reach]), lo, hi, power_of_two, cover)[0])


def _settled(scale: Array, power_of_two: bool, *, cover: bool) -> Array:
    """Scales of float32, powers of two if they have to be, no smaller if they have to cover."""
    scale = np.maximum(scale, _SMALLEST)
    if power_of_two:
        exponent = np.log2(scale)
        scale = np.exp2(np.ceil(exponent - 1e-9) if cover else np.rint(exponent))
    return scale.astype(np.float32)


def _best(rows: Array, reach: Array, lo: int, hi: int, power_of_two: bool, cover: bool) -> Array:
    """Of all ends of the range the scale with the least squared error, one a row."""
    widest = _settled(reach / hi, power_of_two, cover=True)
    if cover:
        return widest
    best, least = widest, np.full(len(rows), np.inf)
    tried = np.exp2(-np.arange(6.0)) if power_of_two else _ENDS
    for end in tried:
        scale = (widest * end).astype(np.float32)
        error = rows - np.clip(np.rint(rows / scale[:, None]), lo, hi) * scale[:, None]
        total = np.square(error).sum(axis=1, dtype=np.float64)
        best, least = np.where(total < least, scale, best), np.minimum(total, least)
    return best.astype(np.float32)
