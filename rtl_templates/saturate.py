"""Saturation to constant bounds, by looking at the upper bits where the bounds allow it."""

from __future__ import annotations

from amaranth.hdl import Const, Mux, Value

__all__ = ["saturate", "saturation_sites"]


def saturate(value: Value, lo: int, hi: int) -> Value:
    """``min(max(value, lo), hi)``.

    A bound of 0, or one at the end of a two's complement or unsigned type, costs no comparison:
    the bits above it tell.

    Parameters
    ----------
    value : Value
        Signed or unsigned.
    lo, hi : int
        ``lo <= hi``.
    """
    signed = value.shape().signed
    width = len(value)
    least, most = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    if lo >= most or hi <= least:
        return Const(lo if lo >= most else hi)
    sign: Value = value[-1] if signed else Const(0, 1)
    size = value[: width - signed]
    result = value
    if hi < most:
        above = size[hi.bit_length() :].any() & ~sign if _is_end(hi) else value > hi
        result = Mux(above, hi, result)
    if lo > least:
        if lo == 0:
            below: Value = sign
        elif lo < 0 and _is_end(-lo - 1):
            below = ~size[(-lo - 1).bit_length() :].all() & sign
        else:
            below = value < lo
        result = Mux(below, lo, result)
    return result


def saturation_sites(least: int, most: int, lo: int, hi: int) -> float:
    """LUT sites of :func:`saturate` in front of a register, the value being in a range."""
    bits = max(hi, -lo - 1).bit_length()
    spare = max(most, -least - 1).bit_length() - bits
    sites = 0.0
    if most > hi:
        sites += -(-spare // 5) if _is_end(hi) else spare + bits
    if least < lo:
        sites += -(-spare // 5) if lo == 0 or _is_end(-lo - 1) else spare + bits
    # Each bit of the result sees both flags: two of them share a LUT.
    return sites + bits / 2 if most > hi or least < lo else 0.0


def _is_end(value: int) -> bool:
    """Whether all bits of a number are set."""
    return value >= 0 and value & (value + 1) == 0
