"""Folding: the cheapest one for a target, or the fastest one that fits a part."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from ...boards.parts import PARTS, Part
from ...boards.parts import part as find_part
from ...rtl_templates.resources import Resources
from ..errors import TargetError
from ..network import Network
from .family import on_family
from .graph import Dataflow
from .lower import lower
from .options import Layers
from .plan import INPUT, Folding, input_options
from .solve import KINDS, Choice, Solver, scarcity

__all__ = [
    "INPUT", "UTILISATION", "Folded", "Search", "binding", "fold", "fold_for", "input_options",
    "limits", "occupied", "require_fit", "shown",
]  # fmt: skip

UTILISATION = 0.9
"""Share of a part's LUT sites that may be used; placers need some room."""

DEFAULT_PART = PARTS["XC7Z007S"]
"""Without a part, resources are worth what they are on the smallest Zynq, and without a target
half of it is used."""

NO_DSP = Resources(lut=1 << 40, ff=1 << 40, bram18=1 << 40, dsp=0)
"""All that a design needs but DSPs, which differ from family to family."""

BRAM_DEARER = 4
"""How much dearer block RAM is without a part. Not every tool uses the register at its output (open
ones for the ECP5 do not), and the clock is slow without it: small tables are better in LUTs."""

ROUNDS = 3
"""Solutions that are lowered, to compare the estimate with the blocks and FIFOs that come out."""

LANE_SITES = 8
"""LUT sites of a multiply-accumulate lane and what goes with it, to begin a search with."""

GENEROUS, TOLERANCE = 0.05, 0.0025
"""Shares of the room by which estimates may be above it: before anything was lowered, and when it
is known what lowering made of the estimate of another folding."""

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


def occupied(dataflow: Dataflow, part: Part | None = None) -> Resources:
    """What the blocks of a dataflow take together, by their own formulas."""
    total = sum((block.params.resources for block in dataflow.blocks.values()), Resources())
    return on_family(total, (part or DEFAULT_PART).architecture)


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
        What the design must fit, see :func:`fold_for`. Without one no DSPs are used where there
        is another way, so that the design suits any family.
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
    search = Search(network, None)
    if target is not None:
        return search.cheapest(target)
    half = limits(DEFAULT_PART, 0.5)
    half = Resources(half.lut, half.ff / 2, half.bram18 // 2)
    found = search.fastest(half)
    return search.cheapest(search.paces[-1]) if found is None else found.foldings


def fold_for(network: Network, part: Part, target: int | None = None, *,
             utilisation: float = UTILISATION, clock: float = 100.0,
             update: Update = lambda **_: None, search: Search | None = None) -> Folded:
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
    search : Search or None
        Of this network and part, for those who want several foldings: what was listed for one
        serves the next, and the result is the same as without it.

    Raises
    ------
    TargetError
        If nothing that meets the target fits the part. The text says what it would take, what is
        short and how fast the network can be on the part; ``needs`` and ``room`` have the numbers.
    """
    search = search or Search(network, part, update)
    search.begin()
    room = limits(part, utilisation)
    if target is None:
        found = search.fastest(room)
    else:
        found = search.within(max(target, search.paces[0]), room)
    if found is not None:
        return found
    text, needs = _refusal(search, part, room, target, clock)
    raise TargetError(text, needs, room)


def require_fit(dataflow: Dataflow, part: Part, room: Resources, *, clock: float) -> None:
    """Raise TargetError if a design takes more than ``room`` of a part."""
    resources = occupied(dataflow, part)
    if not resources.fits(room):
        raise TargetError(
            f"{dataflow.name} does not fit {part.name} with this folding, at "
            f"{_speed(dataflow.interval, clock)}: it takes {_demand(resources, part, room)}; "
            f"{_short(resources, room)}.")


class Search:
    """Solutions for one network on one part, which share what its blocks cost.

    Parameters
    ----------
    network : Network
    part : Part or None
    update : callable
        Told what is going on, as ``text``.

    Attributes
    ----------
    paces : list of int
        The frame intervals that the network can have, the fastest first.
    """

    def __init__(self, network: Network, part: Part | None, update: Update = lambda **_: None):
        self.network, self.part, self.update = network, part, update
        update(text="listing foldings")
        self.layers = Layers(network, (part or DEFAULT_PART).architecture)
        total = limits(part or DEFAULT_PART, 1.0)
        if part is None:
            total = replace(total, bram18=total.bram18 // BRAM_DEARER)
        self.solver = Solver(self.layers, scarcity(total))
        fastest = max(min(option.cycles for option in layer.options)
                      for layer in self.layers.layers.values())
        paces = self.layers.paces()
        self.paces = paces[bisect_left(paces, fastest):]
        self._fastest: dict[Resources, Folded | None] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what the last folding taught: a search then ends as a new one would."""
        self._added: Resources | None = None  # by lowering, to the last choice

    def cheapest(self, target: int) -> dict[str, Folding]:
        """The foldings that meet a target, or the fastest pace, with the fewest resources.

        Without DSPs, if that can be.
        """
        self.update(text="folding")
        target = max(target, self.paces[0])
        choice = self.solver.solve(target, NO_DSP) or self.solver.solve(target)
        assert choice is not None, "without a budget there is always a folding"
        return _foldings(choice)

    def lowered(self, choice: Choice) -> Folded:
        """What becomes of a choice."""
        self.update(text=f"sizing buffers for {choice.interval:,} cycles a frame")
        foldings = _foldings(choice)
        dataflow = lower(self.network, foldings)
        found = Folded(foldings, dataflow, occupied(dataflow, self.part))
        self._added = found.resources + choice.resources * -1
        return found

    def within(self, target: int, room: Resources, rounds: int = ROUNDS) -> Folded | None:
        """The cheapest folding that meets a target and fits, if ``rounds`` of choices find it.

        What FIFOs and queues take is known once the network is lowered. If that does not fit,
        the difference to the choice's own numbers makes the budget of the next one smaller.
        """
        budget = self._budget(room)
        for _ in range(rounds):
            self.update(text=f"folding for {target:,} cycles a frame")
            choice = self.solver.solve(target, budget)
            if choice is None:
                return None
            found = self.lowered(choice)
            if found.resources.fits(room):
                return found
            # Of what is short, less than this choice takes: it is not made again.
            budget = replace(budget, **{
                kind: getattr(choice.resources, kind) - excess - TOLERANCE * getattr(room, kind)
                for kind in KINDS
                if (excess := getattr(found.resources, kind) - getattr(room, kind)) > 0})
        return None

    def _budget(self, room: Resources) -> Resources:
        """What layers may take by their own estimates, with some tolerance.

        As long as nothing was lowered it is not known what lowering adds, or saves: it may join
        blocks, and find that less of a queue will do.
        """
        if self._added is None:
            return replace(room, lut=room.lut * (1 + GENEROUS), ff=room.ff * (1 + GENEROUS))
        return replace(room, lut=room.lut * (1 + TOLERANCE) - self._added.lut,
                       ff=room.ff * (1 + TOLERANCE) - self._added.ff)

    def fastest(self, room: Resources) -> Folded | None:
        """The fastest folding that fits, and the cheapest of these."""
        if room not in self._fastest:
            self.begin()
            self._fastest[room] = self._find_fastest(room)
        return self._fastest[room]

    def _find_fastest(self, room: Resources) -> Folded | None:
        low, high = self._bound(room), len(self.paces)
        best, step, middle = None, 1, low
        while low < high:
            found = self.within(self.paces[middle], room)
            if found is not None:
                best, high = found, middle
            else:
                low = middle + 1
            # A few paces on, and further and further; back again once there is one that fits.
            middle = low - 1 + step if best is None else (low + high) // 2
            step *= 2
            if not low <= middle < high:
                middle = (low + high) // 2
        return best

    def _bound(self, room: Resources) -> int:
        """Index of the fastest pace that may fit: what fits at one fits at every slower one."""
        room = self._budget(room)
        low, high, step = 0, len(self.paces), 1
        cycles = self.network.macs() * LANE_SITES / room.lut
        middle = min(bisect_left(self.paces, cycles), high - 1)
        while low < high:
            self.update(text=f"folding for {self.paces[middle]:,} cycles a frame")
            found = self.solver.solve(self.paces[middle], room, cheapest=False)
            if found is not None:
                high = min(middle, bisect_left(self.paces, found.interval))
                middle = high - step
            else:
                if low == 0 and high == len(self.paces) and (
                        self.solver.solve(self.paces[-1], room, cheapest=False) is None):
                    return high
                low, middle = middle + 1, middle + step
            # Small steps first: the answer is near. Halve what is left between two bounds.
            step *= 2
            if (low > 0 and high < len(self.paces)) or not low <= middle < high:
                middle = (low + high) // 2
        return high


def _foldings(choice: Choice) -> dict[str, Folding]:
    return {name: dict(option.folding) for name, option in choice.options.items()
            if option.folding}


def _refusal(search: Search, part: Part, room: Resources, target: int | None,
             clock: float) -> tuple[str, Resources]:
    """What a network would take that does not fit, what is short, and what would fit."""
    name = search.network.name

    def least() -> tuple[str, Resources]:
        found = search.solver.solve(search.paces[-1])
        assert found is not None, "without a budget there is always a folding"
        demand = found.resources  # without FIFOs: they hardly count in a slow design
        if demand.fits(room):
            demand = search.lowered(found).resources
        return (f"the smallest design, at {_speed(found.interval, clock)}, takes "
                f"{_demand(demand, part, room)}; {_short(demand, room)}.", demand)

    if target is None:
        smallest, needs = least()
        return f"{name} does not fit {part.name} at any speed: {smallest}", needs
    cheapest = search.solver.solve(max(target, search.paces[0]))
    assert cheapest is not None, "without a budget there is always a folding"
    asked = search.lowered(cheapest)
    text = (f"{name} does not fit {part.name} at {_speed(asked.dataflow.interval, clock)}: it "
            f"takes {_demand(asked.resources, part, room)}; {_short(asked.resources, room)}.")
    if (fits := search.fastest(room)) is None:
        return f"{text} Nor does anything slower: {least()[0]}", asked.resources
    return (f"{text} The fastest folding that fits takes "
            f"{_speed(fits.dataflow.interval, clock)}.", asked.resources)


def _speed(cycles: int, clock: float) -> str:
    return f"{cycles:,} cycles a frame ({clock * 1e6 / cycles:,.0f} images/s at {clock:g} MHz)"


_UNITS = {"lut": ("LUT sites", 1), "ff": ("FF", 1), "bram18": ("BRAM36", 2), "dsp": ("DSP", 1)}
"""How the resources are shown: name, and how many make one of it."""


def shown(resources: Resources) -> dict[str, float]:
    """The numbers as they are shown, by name; BRAM in units of 36 kbit."""
    return {name: ceil(getattr(resources, kind)) / unit for kind, (name, unit) in _UNITS.items()}


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
    return "short of " + " and ".join(f"{ceil(used[name] - free[name]):,} {name}"
                                      for name in used if used[name] > free[name])
