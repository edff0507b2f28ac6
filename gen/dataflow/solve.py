"""The choice of foldings as an integer program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from ...rtl_templates.block import StreamShape
from ...rtl_templates.resources import Resources
from .options import Layer, Layers, Option

__all__ = ["KINDS", "Choice", "Solver", "scarcity"]

KINDS = ("lut", "ff", "bram18", "dsp")
"""Resources by the names of their fields, the binding order of equals."""

FASTER = 4
"""No layer with weights is priced for more than so many times the speed that it needs: its
lanes, and with them its area, would be as many times those of the slowest folding that serves."""

EFFORT = 30.0
"""CP-SAT's deterministic time for one solution. A solution found within it is used if it is not
proven to be the best; the count is of steps, not of seconds, so that every run ends the same."""

UNIT = 64
"""The program's coefficients are whole: so many units are a LUT site."""

Cost = tuple[int, int, int, int]


@dataclass(frozen=True)
class Choice:
    """A folding of the whole network.

    Parameters
    ----------
    options : mapping of str to Option
        By layer.
    interval : int
        Cycles a frame of the slowest layer.
    resources : Resources
        Estimate: all layers and width adapters, each number rounded up, before FIFOs.
    """

    options: Mapping[str, Option]
    interval: int
    resources: Resources


def scarcity(total: Resources) -> Cost:
    """Price of each resource in units, where a part holds ``total``.

    LUT sites are what a network of low precision runs out of. The other resources are worth a
    quarter of the sites that the part has for each of them.
    """
    return (UNIT, *(round(UNIT * total.lut / max(1, getattr(total, kind)) / 4)
                    for kind in KINDS[1:]))


class Solver:
    """Finds foldings of a network.

    Parameters
    ----------
    network : Network
    prices : tuple of int
        See :func:`scarcity`.
    """

    def __init__(self, layers: Layers, prices: Cost):
        self.layers, self.prices = layers, prices

    def usable(self, layer: Layer, interval: int) -> list[Option]:
        """The options of a layer that keep an interval and may be the best.

        Of options that look the same from outside, one that takes no less of anything than
        another is left out.
        """
        options = [option for option in layer.options if option.cycles <= interval]
        if layer.weighted and options:
            slowest = max(option.cycles for option in options)
            options = [option for option in options if option.cycles * FASTER >= slowest]
        kept: dict[Any, list[tuple[Cost, Option]]] = {}
        for option in options:
            cost = _cost(self.layers.price(layer, option, interval))
            rivals = kept.setdefault((option.sources, option.taken, option.given), [])
            if any(_within(other, cost) for other, _ in rivals):
                continue
            rivals[:] = [rival for rival in rivals if not _within(cost, rival[0])]
            rivals.append((cost, option))
        return [option for rivals in kept.values() for _, option in rivals]

    def solve(self, interval: int, budget: Resources | None = None, *,
              cheapest: bool = True) -> Choice | None:
        """The cheapest folding within a frame interval and a budget, None if there is none.

        Parameters
        ----------
        interval : int
            Cycles a frame.
        budget : Resources or None
        cheapest : bool
            False: any folding within interval and budget will do.
        """
        # Loaded late: half a second that who only simulates need not wait.
        from ortools.sat.python import cp_model

        options = {name: self.usable(layer, interval)
                   for name, layer in self.layers.layers.items()}
        if not all(options.values()):
            return None
        model = cp_model.CpModel()
        terms: list[tuple[Any, Cost]] = []
        picks: dict[str, list[tuple[Any, Option]]] = {}
        comes: dict[str, dict[StreamShape, Any]] = {}
        for name, layer in self.layers.layers.items():
            picks[name] = [(model.new_bool_var(""), option) for option in options[name]]
            model.add_exactly_one(pick for pick, _ in picks[name])
            terms += [(pick, _cost(self.layers.price(layer, option, interval)))
                      for pick, option in picks[name]]
            comes[name] = _channelled(model, picks[name], lambda option: option.given)
            for port, tensor in enumerate(layer.tensors):
                terms += self._join(model, layer, port, tensor, picks[name], comes[tensor],
                                    interval)
        totals = [sum(pick * cost[k] for pick, cost in terms if cost[k]) for k in range(len(KINDS))]
        if budget is not None:
            for kind, total in zip(KINDS, totals, strict=True):
                model.add(total <= int(getattr(budget, kind)))
        if cheapest:
            model.minimize(sum(pick * sum(a * b for a, b in zip(cost, self.prices, strict=True))
                               for pick, cost in terms if any(cost)))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 0
        solver.parameters.max_deterministic_time = EFFORT
        solver.parameters.linearization_level = 2
        if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        chosen = {name: next(option for pick, option in picks[name] if solver.value(pick))
                  for name in picks}
        resources = Resources(*(solver.value(total) for total in totals))
        return Choice(chosen, max(option.cycles for option in chosen.values()), resources)

    def _join(self, model: Any, layer: Layer, port: int, tensor: str,
              picks: list[tuple[Any, Option]], comes: Mapping[StreamShape, Any],
              interval: int) -> list[tuple[Any, Cost]]:
        """Tie the options of a layer to the stream that one of its inputs comes in."""
        terms: list[tuple[Any, Cost]] = []
        # What follows its source is tied to it; all else may come behind an adapter.
        tied: dict[StreamShape, list[Any]] = {}
        free: dict[StreamShape, list[Any]] = {}
        for pick, option in picks:
            if option.sources is None:
                free.setdefault(option.taken[port], []).append(pick)
            else:
                source = option.sources[port]
                tied.setdefault(source, []).append(pick)
                cost = _cost(self.layers.join(tensor, source, option.taken[port], interval))
                terms.append((pick, cost))
        pairs: dict[tuple[StreamShape, StreamShape], Any] = {}
        for taken in free:
            for source in comes:
                pairs[source, taken] = model.new_bool_var("")
                cost = _cost(self.layers.join(tensor, source, taken, interval))
                terms.append((pairs[source, taken], cost))
            model.add(sum(pairs[source, taken] for source in comes) == sum(free[taken]))
        for source, present in comes.items():
            model.add(sum(pairs[source, taken] for taken in free)
                      + sum(tied.get(source, ())) == present)
        for source in tied.keys() - comes.keys():
            model.add(sum(tied[source]) == 0)
        return terms


def _channelled(model: Any, picks: Iterable[tuple[Any, Option]], key: Any) -> dict[Any, Any]:
    """For each value of a key, whether the picked option has it."""
    groups: dict[Any, list[Any]] = {}
    for pick, option in picks:
        groups.setdefault(key(option), []).append(pick)
    present = {}
    for value, members in groups.items():
        present[value] = model.new_bool_var("")
        model.add(sum(members) == present[value])
    return present


def _cost(resources: Resources) -> Cost:
    lut, ff, bram18, dsp = (ceil(getattr(resources, kind)) for kind in KINDS)
    return lut, ff, bram18, dsp


def _within(a: Cost, b: Cost) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True))
