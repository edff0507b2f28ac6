"""The PLL of an ECP5: settings for a clock rate, and the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Instance, Signal

__all__ = ["PllSettings", "pll", "pll_settings"]

# In MHz, from the family's data sheet (FPGA-DS-02012, sysCLOCK PLL timing).
_PHASE_DETECTOR = (3.125, 400.0)
_OSCILLATOR = (400.0, 800.0)
_DIVIDERS = range(1, 129)

TOLERANCE = 0.02
"""Share by which the rate may be below the one that was asked for."""


@dataclass(frozen=True)
class PllSettings:
    """Dividers of a PLL whose feedback is its output.

    Parameters
    ----------
    source : float
        Clock that enters, in MHz.
    input, feedback, output : int
        Dividers: the clock is ``source * feedback / input``, the oscillator's that times
        ``output``.
    """

    source: float
    input: int
    feedback: int
    output: int

    @property
    def clock(self) -> float:
        """Clock that leaves, in MHz."""
        return self.source * self.feedback / self.input


def pll_settings(source: float, wanted: float) -> PllSettings:
    """The fastest clock that is not above the wanted one.

    Raises
    ------
    ValueError
        If none is close.
    """
    best = None
    for divider in _DIVIDERS:
        detector = source / divider
        if not _PHASE_DETECTOR[0] <= detector <= _PHASE_DETECTOR[1]:
            continue
        feedback = min(int(wanted / detector + 1e-9), _DIVIDERS[-1])
        if feedback < 1:
            continue
        clock = detector * feedback
        # The oscillator in the middle of its range locks best.
        outputs = [k for k in _DIVIDERS if _OSCILLATOR[0] <= clock * k <= _OSCILLATOR[1]]
        if outputs and (best is None or clock > best.clock + 1e-9):
            middle = sum(_OSCILLATOR) / 2
            best = PllSettings(source, divider, feedback,
                               min(outputs, key=lambda k: abs(clock * k - middle)))
    if best is None or best.clock < wanted * (1 - TOLERANCE):
        raise ValueError(f"Clock must be one that a PLL makes of {source:g} MHz, not {wanted:g} "
                         "MHz" + (f"; {best.clock:g} MHz is the next" if best else ""))
    return best


def pll(settings: PllSettings, source: Signal, out: Signal, locked: Signal) -> Any:
    """The cell; a nextpnr that knows the source's rate derives that of the output."""
    attributes = {"a_FREQUENCY_PIN_CLKI": f"{settings.source:g}",
                  "a_FREQUENCY_PIN_CLKOP": f"{settings.clock:g}",
                  "a_ICP_CURRENT": "12", "a_LPF_RESISTOR": "8"}
    disabled = {f"p_{name}": "DISABLED" for name in
                ("PLLRST_ENA", "INTFB_WAKE", "STDBY_ENABLE", "DPHASE_SOURCE")}
    zeros = {f"i_{name}": Const(0) for name in
             ("RST", "STDBY", "PHASESEL0", "PHASESEL1", "PHASEDIR", "PHASESTEP", "PHASELOADREG",
              "PLLWAKESYNC", "ENCLKOP")}
    return Instance(
        "EHXPLLL", **attributes, **disabled, **zeros,
        p_OUTDIVIDER_MUXA="DIVA", p_OUTDIVIDER_MUXB="DIVB", p_OUTDIVIDER_MUXC="DIVC",
        p_OUTDIVIDER_MUXD="DIVD", p_CLKI_DIV=settings.input, p_CLKFB_DIV=settings.feedback,
        p_CLKOP_DIV=settings.output, p_CLKOP_ENABLE="ENABLED",
        p_CLKOP_CPHASE=settings.output - 1, p_CLKOP_FPHASE=0, p_FEEDBK_PATH="CLKOP",
        i_CLKI=source, i_CLKFB=out, o_CLKOP=out, o_LOCK=locked)
