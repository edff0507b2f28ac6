"""What a network costs as hardware, to choose widths by."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ...boards.parts import Part
from ..dataflow.fold import UTILISATION, fold_for
from ..design import DEFAULT_CLOCK, Design
from ..errors import QuantloomError, TargetError
from ..estimate import estimate
from ..network import Network

__all__ = ["COSTS", "Cost", "cost_function"]

COSTS = {"lut": "LUT sites", "energy": "mJ a frame", "cycles": "cycles a frame"}
"""What can be kept small, and its unit."""

Cost = Callable[[Network], float]


def cost_function(kind: str, part: Part, target: int | None = None, *,
                  clock: float = DEFAULT_CLOCK, utilisation: float = UTILISATION) -> Cost:
    """The cost of networks that are folded for a part.

    Parameters
    ----------
    kind : str
        One of :data:`COSTS`: LUT sites or energy of the cheapest folding for the target, as they
        are estimated, or cycles of the fastest that fits.
    part : Part
    target : int or None
        Cycles a frame; ``cycles`` takes none.
    clock : float
        In MHz.
    utilisation : float
        Share of the part's LUT sites that may be used.

    Returns
    -------
    callable
        Infinite for a network that does not fit the part or misses the target.

    Raises
    ------
    QuantloomError
        If the kind is unknown, the target missing or superfluous, or the part's power unknown.
    """
    if kind not in COSTS:
        raise QuantloomError(f"the cost must be {', '.join(COSTS)}, not {kind!r}")
    if (target is None) != (kind == "cycles"):
        raise QuantloomError("the fewest cycles are sought: a target has no place there"
                             if target else f"{COSTS[kind]} need a target: say how many cycles a "
                             "frame may take")

    def cost(network: Network) -> float:
        try:
            folded = fold_for(network, part, target, clock=clock, utilisation=utilisation)
        except TargetError:
            return inf
        interval = folded.dataflow.interval
        if target is None:
            return float(interval)
        if interval > target:
            return inf
        found = estimate(Design(network, folded.foldings, clock=clock, part=part), part)
        if kind == "lut":
            return float(found.resources.lut)
        if found.power is None:
            raise QuantloomError(f"the power of {part.name} is not known: take lut or cycles")
        return float(found.power.energy.typical)

    return cost
