"""The cheapest widths that keep an accuracy.

From the narrowest uniform widths that are accurate enough, and from somewhat wider ones, one width
at a time is taken down by a bit: each time that which saves most bit operations for the accuracy
it costs. Where no width can be taken down any more, a bit is given back to one of them, to see
whether others can then go without more than that. Every step is verified on the whole data. What is
left is compared by the hardware's own cost, and bits that save none of it are given back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ..errors import TargetError
from ..network import Conv2d, Dense, Network
from .cost import Cost
from .formats import MAX_BITS, Format, Formats

__all__ = ["Found", "Knob", "Trial", "search"]

Update = Callable[..., None]
Knob = tuple[str, str]
"""A layer's name, and ``weights`` or ``activations``."""

LEAST_LOSS = 1e-3
"""Accuracy that a step is taken to cost at least: of steps that cost none, more are better."""

WIDER = 2
"""Bits above the narrowest uniform widths at which the second descent begins."""


@dataclass(frozen=True)
class Trial:
    """Widths that were tried.

    Parameters
    ----------
    bits : dict of str to dict of str to int
        Of weights and activations, by layer.
    accuracy : float
    cost : float or None
        None where it was not looked at.
    """

    bits: dict[str, dict[str, int]]
    accuracy: float
    cost: float | None = None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    formats : Formats
    best : Trial
        Its widths.
    uniform : Trial
        The narrowest uniform widths that keep the accuracy.
    trials : tuple of Trial
        All, in the order in which they were tried.
    """

    formats: Formats
    best: Trial
    uniform: Trial
    trials: tuple[Trial, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"formats": self.formats.to_json(), "best": vars(self.best),
                "uniform": vars(self.uniform), "trials": [vars(trial) for trial in self.trials]}


def search(knobs: Sequence[Knob], quantise: Callable[[Formats], Network],
           accuracy: Callable[[Network], float], cost: Cost, goal: float, *,
           base: Format | None = None, update: Update = lambda *_: None) -> Found:
    """Find the cheapest widths that keep an accuracy.

    Parameters
    ----------
    knobs : sequence of (str, str)
        The widths that are chosen.
    quantise : callable
        The network at some widths.
    accuracy : callable
        Of a network, 0 to 1.
    cost : callable
        Of a network; infinite where it does not fit.
    goal : float
        Least accuracy.
    base : Format or None
        What else than widths is to hold for all layers.
    update : callable
        Told how many steps are done, of how many at most, and what is being done.

    Returns
    -------
    Found
        The same for the same arguments.

    Raises
    ------
    TargetError
        If not even 8 bits keep the accuracy, or nothing that does fits.
    """
    run = _Search(list(knobs), quantise, accuracy, cost, goal, base or Format(), update)
    narrowest = run.narrowest_uniform()
    starts = sorted({narrowest, min(MAX_BITS, narrowest + WIDER)})
    ends = [run.exchange(run.descend(dict.fromkeys(run.knobs, bits))) for bits in starts]
    uniform = dict.fromkeys(run.knobs, narrowest)
    best = min([*ends, uniform], key=lambda bits: (run.cost_of(bits), -run.accuracy_of(bits)))
    best = run.give_back(best)
    if run.cost_of(best) == inf:
        raise TargetError(f"no widths that keep an accuracy of {goal:.2%} fit the part within the "
                          "target; ask for less of either")
    return Found(run.formats(best), run.trial(best), run.trial(uniform),
                 tuple(run.trial(dict(key)) for key in run.accuracies))


Bits = dict[Knob, int]
Key = tuple[tuple[Knob, int], ...]


@dataclass
class _Search:
    knobs: list[Knob]
    quantise: Callable[[Formats], Network]
    measure: Callable[[Network], float]
    cost: Cost
    goal: float
    base: Format
    update: Update
    accuracies: dict[Key, float] = field(default_factory=dict)
    operations: dict[Key, float] = field(default_factory=dict)
    costs: dict[Key, float] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        # Uniform widths, and each knob from the wider start down to a bit.
        self.most = MAX_BITS + 2 * len(self.knobs) * MAX_BITS

    def formats(self, bits: Bits) -> Formats:
        found = Formats(self.base)
        for (layer, which), width in bits.items():
            found = found.but(layer, **{which: width})
        return found

    def network(self, bits: Bits) -> Network:
        return self.quantise(self.formats(bits))

    def accuracy_of(self, bits: Bits) -> float:
        key = tuple(bits.items())
        if key not in self.accuracies:
            self.steps += 1
            self.update(self.steps, max(self.most, self.steps), "trying widths")
            network = self.network(bits)
            self.accuracies[key] = self.measure(network)
            self.operations[key] = _bit_operations(network)
        return self.accuracies[key]

    def saved(self, bits: Bits, narrower: Bits) -> float:
        """Bit operations that narrower widths save; both have been tried."""
        return self.operations[tuple(bits.items())] - self.operations[tuple(narrower.items())]

    def cost_of(self, bits: Bits) -> float:
        key = tuple(bits.items())
        if key not in self.costs:
            self.update(self.steps, max(self.most, self.steps), "folding")
            self.costs[key] = self.cost(self.network(bits))
        return self.costs[key]

    def trial(self, bits: Bits) -> Trial:
        shown: dict[str, dict[str, int]] = {}
        for (layer, which), width in bits.items():
            shown.setdefault(layer, {})[which] = width
        key = tuple(bits.items())
        return Trial(shown, self.accuracies[key], self.costs.get(key))

    def narrowest_uniform(self) -> int:
        """The narrowest uniform width of those from 8 bits down that all keep the accuracy."""
        bits = MAX_BITS
        widest = self.accuracy_of(dict.fromkeys(self.knobs, bits))
        if widest < self.goal:
            raise TargetError(f"with {MAX_BITS} bits everywhere the accuracy is {widest:.2%}, less "
                              f"than {self.goal:.2%}; ask for less, give more calibration data, or "
                              "retrain")
        while bits > 1 and self.accuracy_of(dict.fromkeys(self.knobs, bits - 1)) >= self.goal:
            bits -= 1
        return bits

    def descend(self, bits: Bits) -> Bits:
        """Widths from which no single one can be taken down any more."""
        open_ = set(self.knobs)
        while open_:
            now = self.accuracy_of(bits)
            best, most = None, -inf
            for knob in [k for k in self.knobs if k in open_]:
                if bits[knob] == 1:
                    open_.discard(knob)
                    continue
                tried = {**bits, knob: bits[knob] - 1}
                found = self.accuracy_of(tried)
                if found < self.goal:
                    open_.discard(knob)  # what is too narrow now is so with less elsewhere, too
                    continue
                score = self.saved(bits, tried) / (max(0.0, now - found) + LEAST_LOSS)
                if score > most:
                    best, most = tried, score
            if best is None:
                break
            bits = best
        return bits

    def exchange(self, bits: Bits) -> Bits:
        """Widths from which no bit given to one lets others save more."""
        while True:
            tried = [self.descend({**bits, knob: bits[knob] + 1}) for knob in self.knobs
                     if bits[knob] < MAX_BITS and self.accuracy_of(
                         {**bits, knob: bits[knob] + 1}) > self.accuracy_of(bits)]
            best = max(tried, key=lambda other: self.saved(bits, other), default=bits)
            if self.saved(bits, best) <= 0:
                return bits
            bits = best

    def give_back(self, bits: Bits) -> Bits:
        """The same widths with more bits where they cost nothing."""
        for knob in self.knobs:
            while bits[knob] < MAX_BITS:
                wider = {**bits, knob: bits[knob] + 1}
                if self.accuracy_of(wider) < self.accuracy_of(bits) \
                        or self.cost_of(wider) > self.cost_of(bits):
                    break
                bits = wider
        return bits


def _bit_operations(network: Network) -> float:
    """Multiply-accumulates times the bits of both factors: what arithmetic costs, roughly."""
    return float(sum(
        network.macs([op]) * op.weight_type.bits * network.tensors[op.inputs[0]].type.bits
        for op in network.ops if isinstance(op, Conv2d | Dense)))
