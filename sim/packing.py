"""Beats of integers as the words that simulators hold, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rtl_templates.block import StreamShape

__all__ = ["pack", "unpack", "words_per_beat"]

Array = np.ndarray[Any, Any]


def words_per_beat(width: int) -> int:
    """32-bit words that hold a payload of ``width`` bits."""
    return -(-width // 32)


def pack(values: Array, shape: StreamShape) -> Array:
    """Words of beats.

    Parameters
    ----------
    values : array of int, (beats, lanes)
        Values of the stream's type.
    shape : StreamShape

    Returns
    -------
    array of uint32, (beats, words)
        Lane 0 lowest, least significant word first, zeros above the payload.
    """
    bits, lanes = shape.type.bits, shape.lanes
    codes = shape.type.encode(values).astype(_code_type(bits), order="C")
    beats = len(codes)
    words = np.zeros((beats, words_per_beat(shape.width)), "<u4")
    raw = words.view(np.uint8)
    if bits == 8 * codes.itemsize:
        raw[:, : lanes * codes.itemsize] = codes.view(np.uint8).reshape(beats, -1)
    elif shape.width <= 64:
        raw[:] = _joined(codes, bits).view(np.uint8)[:, : raw.shape[1]]
    elif bits <= 8:
        # Eight codes are a whole number of bytes, of which a 64-bit integer holds eight.
        groups = np.zeros((beats, -(-lanes // 8), 8), codes.dtype)
        groups.reshape(beats, -1)[:, :lanes] = codes
        packed = _joined(groups, bits).view(np.uint8)[..., :bits].reshape(beats, -1)
        size = min(packed.shape[1], raw.shape[1])  # past the payload either has zeros alone
        raw[:, :size] = packed[:, :size]
    else:
        columns = codes.view(np.uint8).reshape(beats, lanes, codes.itemsize)
        flat = np.unpackbits(columns, axis=2, count=bits, bitorder="little").reshape(beats, -1)
        packed = np.packbits(flat, axis=1, bitorder="little")
        raw[:, : packed.shape[1]] = packed
    return words


def _joined(codes: Array, bits: int) -> Array:
    """Codes (..., n) of at most 64 bits together as one integer each, (..., 1)."""
    joined = np.zeros((*codes.shape[:-1], 1), "<u8")
    for lane in range(codes.shape[-1]):
        joined[..., 0] |= codes[..., lane].astype("<u8") << np.uint64(lane * bits)
    return joined


def unpack(words: Array, shape: StreamShape) -> Array:
    """Values of packed beats, the inverse of :func:`pack`.

    Parameters
    ----------
    words : array of uint32, (beats, words)
    shape : StreamShape

    Returns
    -------
    array of int64, (beats, lanes)
    """
    bits, lanes = shape.type.bits, shape.lanes
    words = np.ascontiguousarray(words, "<u4")
    beats = len(words)
    size = _code_type(bits).itemsize
    flat = np.unpackbits(words.view(np.uint8), axis=1, count=shape.width, bitorder="little")
    columns = np.zeros((beats, lanes, 8 * size), np.uint8)
    columns[:, :, :bits] = flat.reshape(beats, lanes, bits)
    codes = np.packbits(columns, axis=2, bitorder="little").view(_code_type(bits))
    return shape.type.decode(codes.reshape(beats, lanes))


def _code_type(bits: int) -> np.dtype[Any]:
    """Narrowest little-endian unsigned type of at least ``bits`` bits."""
    for size in (1, 2, 4, 8):
        if bits <= 8 * size:
            return np.dtype(f"<u{size}")
    raise ValueError(f"Elements must have at most 64 bits, not {bits!r}")
