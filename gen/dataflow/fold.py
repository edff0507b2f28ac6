"""Automatic folding: a first rule, layer by layer."""

from __future__ import annotations

from ...rtl_templates.validation import divisors
from ..network import Network
from .plan import Folding, plan

__all__ = ["INPUT", "fold", "fold_within", "input_options"]

INPUT = "input"
"""Name of the input in a set of foldings."""

DEFAULT_LUTS = 8000
"""Price that a folding may have when no target is given: under half of the smallest Zynq."""


def input_options(network: Network) -> list[int]:
    """Lanes that the input stream may have: whole pixels of few channels, else parts."""
    _, width, channels = network.input.shape
    parts = [channels] if channels <= 4 else divisors(channels)
    return parts + [k * channels for k in divisors(width)[1:]]


def fold(network: Network, target: int) -> dict[str, Folding]:
    """The cheapest folding of each layer that keeps it within a target.

    Every layer runs at its own pace, so the network's frame interval is that of its slowest
    layer, and no layer needs to be faster than the target. Where a layer cannot meet it even with
    its fastest folding, that layer's cycles are the target of the others.

    Parameters
    ----------
    network : Network
    target : int
        Cycles a frame.

    Returns
    -------
    dict of str to dict
        Folding by operation, and that of the input.
    """
    plans = {op.name: plan(op, network) for op in network.ops}
    reached = max(layer.cycles(layer.choose(target)) for layer in plans.values())
    target = max(target, reached)
    options = input_options(network)
    lanes = next((k for k in options if network.input.size // k <= target), options[-1])
    chosen: dict[str, Folding] = {INPUT: {"lanes": lanes}}
    for name, layer in plans.items():
        if folding := layer.choose(target):
            chosen[name] = folding
    return chosen


def price(network: Network, foldings: dict[str, Folding]) -> float:
    """Rough cost of a folding in LUTs."""
    return sum(plan(op, network).price(foldings.get(op.name, {})) for op in network.ops)


def fold_within(network: Network, luts: float = DEFAULT_LUTS) -> dict[str, Folding]:
    """The fastest folding whose rough price stays within ``luts``.

    The target is found by bisection over its logarithm; the cheapest folding of all is returned
    where even that costs more.
    """
    slow, fast = 48.0, 0.0  # logarithms of cycles a frame
    best = fold(network, int(2**slow))
    while slow - fast > 0.05:
        middle = (slow + fast) / 2
        candidate = fold(network, int(2**middle))
        if price(network, candidate) <= luts:
            slow, best = middle, candidate
        else:
            fast = middle
    return best
