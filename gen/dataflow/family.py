"""What blocks take on other families than the one their formulas are for, the 7-series."""

from __future__ import annotations

from ...rtl_templates.resources import Resources
from .plan import Folding

__all__ = ["on_family", "suits"]

_ECP5 = {"lut": 2.1, "ff": 1.0, "bram18": 1, "dsp": 2}
"""LUT4s for a LUT site, flip-flops, DP16KD for a RAMB18E1, and MULT18X18D for a DSP48E1, whose
wider factor is wider than one of theirs. Medians of the blocks that estimates are calibrated on."""


def on_family(resources: Resources, architecture: str) -> Resources:
    """What a folding is weighed by on an architecture; see :class:`quantloom.boards.parts.Part`.

    Roughly: once a design is folded, :mod:`quantloom.gen.estimate` knows better.
    """
    if architecture == "xc7":
        return resources
    return Resources(**{kind: getattr(resources, kind) * factor for kind, factor in _ECP5.items()})


def suits(folding: Folding, architecture: str) -> bool:
    """Whether a folding is of use: adders share DSPs on the 7-series alone."""
    return architecture == "xc7" or not folding.get("dsp_rows")
