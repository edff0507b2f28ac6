"""Folding: the cheapest one for a target, or the fastest one that fits a part."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from ...boards.parts import PARTS, Part
from ...boards.parts import part as find_part
from ...rtl_templates.resources import Resources
from ..errors import TargetError
from ..network import Network
from .graph import Dataflow
from .lower import lower
from .options import Layers
from .plan import INPUT, Folding, input_options
from .solve import KINDS, Choice, Solver, scarcity

__all__ = [
    "INPUT", "UTILISATION", "Folded", "binding", "fold", "fold_for", "input_options", "limits",
    "occupied", "require_fit", "shown",
]  # fmt: skip

UTILISATION = 0.9
"""Share of a part's LUT sites that may be used; placers need some room."""

DEFAULT_PART = PARTS["XC7Z007S"]
"""Without a part, resources are worth what they are on the smallest Zynq, and without a target
half of it is used."""

ROUNDS = 4
"""Solutions that are lowered, to compare the estimate with the blocks and FIFOs that come out."""

Update = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Folded:
    """A folding of a network, and what it takes.

    Parameters
    ----------
    foldings : dict of str to dict
        By operation, and that of the input.
    dataflow : Dataflow
    resources : Resources
        Estimate: the sum over all blocks, FIFOs included.
    """

    foldings: dict[str, Folding]
    dataflow: Dataflow
    resources: Resources


def limits(part: Part, utilisation: float = UTILISATION) -> Resources:
    """What a design may take of a part: a share of its LUT sites, all of the rest."""
    return Resources(lut=part.luts * utilisation, ff=part.ffs, bram18=2 * part.bram36,
                     dsp=part.dsp)


def occupied(dataflow: Dataflow) -> Resources:
    """What the blocks of a dataflow take together, by their own formulas."""
    return sum((block.params.resources for block in dataflow.blocks.values()), Resources())


def fold(network: Network, target: int | None = None, *, part: Part | str | None = None,
         utilisation: float = UTILISATION) -> dict[str, Folding]:
    """The cheapest folding that keeps the network within a target.

    Every layer runs at its own pace, so the network's frame interval is that of its slowest
    layer, and no layer needs to be faster than the target. Where a layer cannot meet it even with
    its fastest folding, that layer's cycles are the target of the others.

    Parameters
    ----------
    network : Network
    target : int or None
        Cycles a frame. None: as few as fit the part; without a part, as fast as half of the
        smallest Zynq allows, however large the network may be then.
    part : Part, str or None
        What the design must fit, see :func:`fold_for`.
    utilisation : float
        Share of the part's LUT sites that may be used.

    Returns
    -------
    dict of str to dict
        Folding by operation, and that of the input.

    Raises
    ------
    ValueError
        If there is no such part.
    TargetError
        If nothing that meets the target fits the part.
    """
    if part is not None:
        part = find_part(part) if isinstance(part, str) else part
        return fold_for(network, part, target, utilisation=utilisation).foldings
    search = _Search(network, DEFAULT_PART)
    if target is not None:
        return search.cheapest(target)
    half = limits(DEFAULT_PART, 0.5)
    half = Resources(half.lut, half.ff / 2, half.bram18 // 2, half.dsp // 2)
    found = search.fastest(half)
    return search.cheapest(search.paces[-1]) if found is None else found.foldings


def fold_for(network: Network, part: Part, target: int | None = None, *,
             utilisation: float = UTILISATION, clock: float = 100.0,
             update: Update = lambda **_: None) -> Folded:
    """The cheapest folding for a part that meets a target, or the fastest that fits.

    Parameters
    ----------
    network : Network
    part : Part
    target : int or None
        Cycles a frame; None: as few as fit. Where a layer cannot meet it even with its fastest
        folding, that layer's cycles are the target.
    utilisation : float
        Share of the LUT sites that may be used.
    clock : float
        MHz, for the speeds that a message names.
    update : callable
        Told what is going on, as ``text``.

    Raises
    ------
    TargetError
        If nothing that meets the target fits the part. The text says what it would take, what is
        short and how fast the network can be on the part.
    """
    search = _Search(network, part, update)
    room = limits(part, utilisation)
    if target is None:
        found = search.fastest(room)
    else:
        found = search.within(max(target, search.paces[0]), room)
    if found is not None:
        return found
    raise TargetError(_refusal(search, part, room, target, clock))


def require_fit(dataflow: Dataflow, part: Part, room: Resources, *, clock: float) -> None:
    """Raise TargetError if a design takes more than ``room`` of a part."""
    resources = occupied(dataflow)
    if not resources.fits(room):
        raise TargetError(
            f"{dataflow.name} does not fit {part.name} with this folding, at "
            f"{_speed(dataflow.interval, clock)}: it takes {_demand(resources, part, room)}; "
            f"{_short(resources, room)}.")


class _Search:
    """Solutions for one network, which share what its blocks cost.

    ``paces`` are the frame intervals that it can have, the fastest first.
    """

    def __init__(self, network: Network, part: Part, update: Update = lambda **_: None):
        self.network, self.update = network, update
        update(text="listing foldings")
        self.layers = Layers(network)
        self.solver = Solver(self.layers, scarcity(limits(part, 1.0)))
        fastest = max(min(option.cycles for option in layer.options)
                      for layer in self.layers.layers.values())
        paces = self.layers.paces()
        self.paces = paces[bisect_left(paces, fastest):]
        self._pace = len(self.paces) // 2

    def cheapest(self, target: int) -> dict[str, Folding]:
        """The foldings that meet a target, or the fastest pace, with the fewest resources."""
        self.update(text="folding")
        choice = self.solver.solve(max(target, self.paces[0]))
        assert choice is not None, "without a budget there is always a folding"
        return _foldings(choice)

    def lowered(self, choice: Choice) -> Folded:
        """What becomes of a choice."""
        self.update(text=f"sizing buffers for {choice.interval:,} cycles a frame")
        foldings = _foldings(choice)
        dataflow = lower(self.network, foldings)
        return Folded(foldings, dataflow, occupied(dataflow))

    def within(self, target: int, room: Resources) -> Folded | None:
        """The cheapest folding that meets a target and fits."""
        return self._fitting(lambda budget: self.solver.solve(target, budget), room)

    def fastest(self, room: Resources) -> Folded | None:
        """The fastest folding that fits, and the cheapest of these."""
        return self._fitting(self._fastest_choice, room)

    def _fitting(self, choose: Callable[[Resources], Choice | None],
                 room: Resources) -> Folded | None:
        """Choose within a budget that leaves room for all that the choice does not know.

        FIFOs are known once the network is lowered: what they make of the estimate moves the
        budget of the next round, to either side.
        """
        best, budget = None, room
        seen: set[tuple[int, ...]] = set()
        for _ in range(ROUNDS):
            self.update(text="folding")
            choice = choose(budget)
            if choice is None:
                break
            key = tuple(id(option) for option in choice.options.values())
            if key in seen:
                break
            seen.add(key)
            found = self.lowered(choice)
            if found.resources.fits(room) and (best is None or _rank(self, found)
                                               < _rank(self, best)):
                best = found
            budget = Resources(*(getattr(room, kind) - getattr(found.resources, kind)
                                 + getattr(choice.resources, kind) for kind in KINDS))
        return best

    def _fastest_choice(self, budget: Resources) -> Choice | None:
        """What fits at one pace fits at every slower one: by bisection, from the last answer."""
        def fits(k: int) -> bool:
            self.update(text=f"folding for {self.paces[k]:,} cycles a frame")
            return self.solver.solve(self.paces[k], budget, cheapest=False) is not None

        low, high = 0, len(self.paces)  # paces[:low] do not fit, paces[high:] do
        step, middle = 1, self._pace
        while low < high:
            if fits(middle):
                high, middle = middle, middle - step
            else:
                low, middle = middle + 1, middle + step
            # Once there is a bound on either side, or none to reach, halve what is between.
            step *= 2
            if not low <= middle < high or (low > 0 and high < len(self.paces)):
                middle = (low + high) // 2
        if high == len(self.paces):
            return None
        self._pace = high
        return self.solver.solve(self.paces[high], budget)


def _rank(search: _Search, found: Folded) -> tuple[float, float]:
    weighted = sum(price * getattr(found.resources, kind)
                   for price, kind in zip(search.solver.prices, KINDS, strict=True))
    return found.dataflow.interval, weighted


def _foldings(choice: Choice) -> dict[str, Folding]:
    return {name: dict(option.folding) for name, option in choice.options.items()
            if option.folding}


def _refusal(search: _Search, part: Part, room: Resources, target: int | None,
             clock: float) -> str:
    """What a network would take that does not fit, what is short, and what would fit."""
    name = search.network.name

    def takes(choice: Choice | None) -> tuple[str, str, str]:
        assert choice is not None, "without a budget there is always a folding"
        found = search.lowered(choice)
        return (_speed(found.dataflow.interval, clock), _demand(found.resources, part, room),
                _short(found.resources, room))

    smallest = search.solver.solve(search.paces[-1])
    if target is None:
        speed, demand, short = takes(smallest)
        return (f"{name} does not fit {part.name} at any speed: the smallest design, at {speed}, "
                f"takes {demand}; {short}.")
    speed, demand, short = takes(search.solver.solve(max(target, search.paces[0])))
    text = f"{name} does not fit {part.name} at {speed}: it takes {demand}; {short}."
    if (fits := search.fastest(room)) is not None:
        return (f"{text} The fastest folding that fits takes "
                f"{_speed(fits.dataflow.interval, clock)}.")
    speed, demand, short = takes(smallest)
    return (f"{text} Nor does anything slower: the smallest design, at {speed}, takes {demand}; "
            f"{short}.")


def _speed(cycles: int, clock: float) -> str:
    return f"{cycles:,} cycles a frame ({clock * 1e6 / cycles:,.0f} images/s at {clock:g} MHz)"


_UNITS = {"lut": ("LUT sites", 1), "ff": ("FF", 1), "bram18": ("BRAM36", 2), "dsp": ("DSP", 1)}
"""How the resources are shown: name, and how many make one of it."""


def shown(resources: Resources) -> dict[str, float]:
    """The numbers as they are shown, by name; BRAM in units of 36 kbit."""
    return {name: round(getattr(resources, kind)) / unit for kind, (name, unit) in _UNITS.items()}


def binding(resources: Resources, room: Resources) -> str:
    """The resource of which the largest share of the room is taken, by name."""
    used, free = shown(resources), shown(room)
    return max(used, key=lambda name: used[name] / free[name])


def _demand(resources: Resources, part: Part, room: Resources) -> str:
    free = shown(room)
    text = [f"{used:,g} of {free[name]:,g} {name}" for name, used in shown(resources).items()]
    if round(room.lut) != part.luts:
        text[0] += f" ({room.lut / part.luts:.0%} of {part.luts:,})"
    return ", ".join(text)


def _short(resources: Resources, room: Resources) -> str:
    used, free = shown(resources), shown(room)
    return "short of " + " and ".join(f"{used[name] - free[name]:,g} {name}"
                                   for name in used if used[name] > free[name])
