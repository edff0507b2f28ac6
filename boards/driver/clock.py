"""The clock that the processor of a Zynq-7000 gives the fabric.

Numbers are those of the Zynq-7000 technical reference manual, UG585, appendix B.28 (SLCR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...gen.errors import QuantloomError

__all__ = ["SLCR_BASE", "ClockPlan", "plan_clock", "set_clock"]

SLCR_BASE = 0xF800_0000
UNLOCK, UNLOCK_KEY = 0x008, 0xDF0D
LOCK, LOCK_KEY = 0x004, 0x767B
IO_PLL_CTRL = 0x108
FPGA0_CLK_CTRL = 0x170

MULTIPLIER_SHIFT, MULTIPLIER_MASK = 12, 0x7F  # PLL_FDIV
DIVISOR0_SHIFT, DIVISOR1_SHIFT, SOURCE_SHIFT = 8, 20, 4
IO_PLL = 0b00
DIVISORS = range(1, 64)

CRYSTAL_MHZ = 100 / 3
"""PS_CLK of nearly all boards."""


class Words(Protocol):
    """Access to the SLCR by offset."""

    def read32(self, offset: int) -> int:
        """Read a register."""

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""


@dataclass(frozen=True)
class ClockPlan:
    """Two divisors, and the clock in MHz that they make."""

    divisor0: int
    divisor1: int
    mhz: float

    @property
    def control(self) -> int:
        """Value of FPGA0_CLK_CTRL: the IO PLL behind the divisors."""
        return (IO_PLL << SOURCE_SHIFT | self.divisor0 << DIVISOR0_SHIFT
                | self.divisor1 << DIVISOR1_SHIFT)


def plan_clock(mhz: float, source_mhz: float) -> ClockPlan:
    """The fastest clock that two divisors make of a PLL, not above the one asked for.

    Parameters
    ----------
    mhz : float
    source_mhz : float
        Of the PLL.

    Raises
    ------
    QuantloomError
        If the clock is too slow for the divisors.
    """
    plans = [ClockPlan(one, two, source_mhz / (one * two)) for one in DIVISORS for two in DIVISORS
             if source_mhz / (one * two) <= mhz * (1 + 1e-9)]
    if not plans:
        raise QuantloomError(f"a clock of {mhz:g} MHz cannot be made of {source_mhz:g} MHz; the "
                             f"slowest is {source_mhz / DIVISORS[-1] ** 2:g} MHz")
    return max(plans, key=lambda plan: (plan.mhz, -plan.divisor1))


def set_clock(slcr: Words, mhz: float, *, crystal_mhz: float = CRYSTAL_MHZ) -> ClockPlan:
    """Set FCLK0 from the IO PLL, whose multiplier is read; returns what it became.

    Parameters
    ----------
    slcr : Words
        The registers at :data:`SLCR_BASE`.
    mhz : float
        The fastest that is allowed.
    crystal_mhz : float
        Of the board.
    """
    multiplier = slcr.read32(IO_PLL_CTRL) >> MULTIPLIER_SHIFT & MULTIPLIER_MASK
    plan = plan_clock(mhz, crystal_mhz * multiplier)
    slcr.write32(UNLOCK, UNLOCK_KEY)
    slcr.write32(FPGA0_CLK_CTRL, plan.control)
    slcr.write32(LOCK, LOCK_KEY)
    return plan
