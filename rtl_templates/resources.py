"""What blocks occupy on a 7-series part, and the prices of common structures.

Areas are in LUT sites, as a placed netlist counts them: a carry bit takes a site, two small LUTs
share one only if they have at most five inputs together, a LUT memory takes what its primitive
takes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = [
    "DSP_PRODUCT_BITS", "Resources", "bram18_of", "counter_sites", "dsp_slices", "lutram_sites",
    "rom_sites",
]  # fmt: skip

DSP_PRODUCT_BITS = 9
"""Narrower products are made of LUTs."""

# RAMB18E1 shapes: bits of a word to words; a RAMB36E1 is two of the next deeper, or wider, kind.
_RAMB18 = {1: 16384, 2: 8192, 4: 4096, 9: 2048, 18: 1024, 36: 512}


@dataclass(frozen=True)
class Resources:
    """What a block or a design occupies.

    Parameters
    ----------
    lut : float
        LUT sites, memories in LUTs included.
    ff : float
        Flip-flops.
    bram18 : int
        RAMB18E1; a RAMB36E1 is two.
    dsp : float
        DSP48E1; blocks may share one.
    """

    lut: float = 0.0
    ff: float = 0.0
    bram18: int = 0
    dsp: float = 0

    def __add__(self, other: Resources) -> Resources:
        # Named one by one: prices of foldings are sums of hundreds of thousands of these.
        return Resources(self.lut + other.lut, self.ff + other.ff, self.bram18 + other.bram18,
                         self.dsp + other.dsp)

    def __mul__(self, count: int) -> Resources:
        return Resources(self.lut * count, self.ff * count, self.bram18 * count, self.dsp * count)

    def fits(self, limit: Resources) -> bool:
        """Whether none of the numbers is above the limit's."""
        return all(getattr(self, f.name) <= getattr(limit, f.name) for f in fields(self))


def lutram_sites(width: int, depth: int) -> int:
    """Sites of a LUT memory with one write and one asynchronous read port.

    A RAM32M holds 6 bits x 32 words in 4 sites, a RAM64M 3 bits x 64 words; deeper ones are made
    of those and multiplexers.
    """
    if depth <= 32:
        return -(-width // 6) * 4
    banks = -(-depth // 64)
    return banks * -(-width // 3) * 4 + (width * -(-(banks - 1) // 3) if banks > 1 else 0)


def rom_sites(width: int, depth: int) -> float:
    """Sites of a table of constants that looks random: two LUT5 a site up to 32 words."""
    if depth <= 1:
        return 0.0
    if depth <= 32:
        return width / 2
    banks = -(-depth // 64)
    # MUXF7 and MUXF8 join four LUTs at no cost in sites; a LUT6 joins four of these.
    return width * (banks + (-(-banks // 4) - 1) / 3 if banks > 4 else banks)


def bram18_of(width: int, depth: int) -> int:
    """RAMB18E1 that a memory takes if every part of its words has the best shape for it."""
    return min(_cover(width, depth, bits) for bits in _RAMB18)


def _cover(width: int, depth: int, bits: int) -> int:
    return -(-width // bits) * -(-depth // _RAMB18[bits])


def counter_sites(modulus: int) -> float:
    """Sites of a counter that wraps: the next count, small functions that share sites, and a
    comparison."""
    bits = max(1, modulus - 1).bit_length()
    return 0.8 * bits + 1 if modulus > 1 else 0.0


def dsp_slices(factor: int, operand: int) -> int:
    """DSP48E1 of a product: bits of the factor at ports of 18, of the operand at ports of 25."""
    return -(-factor // 18) * -(-operand // 25)
