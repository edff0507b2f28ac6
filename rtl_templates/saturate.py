"""Saturation to constant bounds, by looking at the upper bits where the bounds allow it."""

from __future__ import annotations

from amaranth.hdl import Const, Mux, Value

from .path import Path, and_levels

__all__ = ["saturate", "saturation_path", "saturation_sites"]


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
    clips = [(hi, _is_end(hi))] if most > hi else []
    clips += [(lo, lo == 0 or _is_end(-lo - 1))] if least < lo else []
    if not clips or lo >= most or hi <= least or clips == [(0, True)]:
        return 0.0  # the sign alone resets the register
    flags = sum(-(-spare // 5) if bound and spare > 1 else 0 if bound else (spare + bits) / 3
                for _, bound in clips)
    # Resets of the register's flip-flops take some of what the bits of the result would.
    return flags + bits * 0.3 * len(clips)


def saturation_path(least: int, most: int, lo: int, hi: int) -> Path:
    """The longest path of :func:`saturate` into a register, the value being in a range."""
    bits = max(most, -least - 1).bit_length() + 1
    spare = bits - max(hi, -lo - 1).bit_length()
    compared = (most > hi and not _is_end(hi)) + (least < lo != 0 and not _is_end(-lo - 1))
    if lo == hi:
        return Path(what="clip")
    # Bits above are looked at, or the value is compared, with both bounds at once; then one of
    # three is chosen.
    return Path(what="clip", luts=2 if compared else 1 + and_levels(spare),
                carry=bits if compared else 0, fanout=bits, tail=True)


def _is_end(value: int) -> bool:
    """Whether all bits of a number are set."""
    return value >= 0 and value & (value + 1) == 0
