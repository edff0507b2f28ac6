"""A cover of logic with LUTs.

Every node keeps a few cuts, sets of at most so many nodes that determine it, each with the area
that it stands for: its own LUT's and a share of those of the LUTs before it (area flow). The cover
takes, from the outputs backwards, each node's best cut. Synthesis does the same with more patience,
restructures the logic beforehand, and minds the longest paths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .logic import AND, LEAF, MUX, XOR, Logic

__all__ = ["SHARED_INPUTS", "Cut", "cover", "shared_sites"]

SHARED_INPUTS = 5
"""Inputs that the two outputs of a 7-series LUT site have between them."""

_NEIGHBOURS = 64
"""LUTs on one net that are tried as partners: nets of high fan-out would cost square time."""

_CUTS = 4
"""Cuts that a node keeps; more of them, or a second pass that shares area among the loads of the
first one's cover, change the number of LUTs by a hundredth."""

Cut = frozenset[int]


def cover(logic: Logic, roots: Sequence[int], prices: Sequence[float],
          hurry: float = 0.0) -> dict[int, Cut]:
    """The LUTs that make the logic in front of some literals.

    Parameters
    ----------
    logic : Logic
    roots : sequence of int
        Literals that are needed as signals.
    prices : sequence of float
        Of a LUT by its inputs; as long as the most inputs, and one.
    hurry : float
        What a level of LUTs less is worth.

    Returns
    -------
    dict of int to frozenset of int
        By node what the LUT there reads: nodes.
    """
    order, loads = _reached(logic, roots)
    needed = [root >> 1 for root in roots if logic.kind[root >> 1] != LEAF]
    best = _best_cuts(logic, order, loads, prices, hurry)
    chosen: dict[int, Cut] = {}
    while needed:
        node = needed.pop()
        if node not in chosen:
            chosen[node] = best[node]
            needed += [leaf for leaf in best[node] if logic.kind[leaf] != LEAF]
    return chosen


def _reached(logic: Logic, roots: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """Nodes before the roots, each behind its inputs, and how often each is read."""
    loads: dict[int, int] = {}
    todo = []
    for root in roots:
        node = root >> 1
        if node not in loads:
            todo.append(node)
        loads[node] = loads.get(node, 0) + 1
    kind, first, second, third = logic.kind, logic.first, logic.second, logic.third
    while todo:
        node = todo.pop()
        if kind[node] == LEAF:
            continue
        inputs = [first[node] >> 1, second[node] >> 1]
        if kind[node] == MUX:
            inputs.append(third[node] >> 1)
        for child in inputs:
            if child:
                if child not in loads:
                    todo.append(child)
                    loads[child] = 0
                loads[child] += 1
    loads.pop(0, None)
    return sorted(node for node in loads if kind[node] != LEAF), loads


def _best_cuts(logic: Logic, order: Sequence[int], loads: Mapping[int, int],
               prices: Sequence[float], hurry: float) -> dict[int, Cut]:
    kind, first, second, third = logic.kind, logic.first, logic.second, logic.third
    most = len(prices) - 1
    best: dict[int, Cut] = {}
    # By node: its cuts; what the LUTs before it cost, shared among their loads; its level.
    cuts: dict[int, list[Cut]] = {0: [frozenset()]}
    flow: dict[int, float] = {}
    level: dict[int, int] = {}
    flow_of, level_of = flow.__getitem__, level.__getitem__

    def of(node: int) -> list[Cut]:
        found = cuts.get(node)
        if found is None:
            found = cuts[node] = [frozenset((node,))]
            flow[node], level[node] = 0.0, 0
        return found

    def merged(a: list[Cut], b: list[Cut], keep: int) -> list[Cut]:
        found = list({union: None for left in a for right in b
                      if len(union := left | right) <= most})
        if len(found) == 1:
            return found
        costs = [sum(map(flow_of, cut)) + prices[len(cut)] for cut in found]
        if hurry:
            costs = [cost + hurry * max(map(level_of, cut), default=0)
                     for cost, cut in zip(costs, found, strict=True)]
        return [found[k] for k in sorted(range(len(found)), key=costs.__getitem__)[:keep]]

    for node in order:
        a, b = of(first[node] >> 1), of(second[node] >> 1)
        if kind[node] in (AND, XOR):
            found = merged(a, b, _CUTS)
        else:
            found = merged(merged(a, b, 2 * _CUTS), of(third[node] >> 1), _CUTS)
        cut = best[node] = found[0]
        if hurry:
            level[node] = 1 + max(map(level_of, cut), default=0)
        flow[node] = (sum(map(flow_of, cut)) + prices[len(cut)]) / max(1, loads[node])
        found.append(frozenset((node,)))
        cuts[node] = found
    return best


def shared_sites(luts: Mapping[str, set[int | str]] | Mapping[int, Cut]) -> int:
    """Pairs of LUTs that share a 7-series site, the widest paired first, with who is closest.

    Parameters
    ----------
    luts : mapping to set
        By name what each LUT reads.
    """
    small = {name: bits for name, bits in luts.items() if 2 <= len(bits) <= SHARED_INPUTS}
    users: dict = {}
    for name, bits in small.items():
        for bit in bits:
            users.setdefault(bit, []).append(name)
    paired: set = set()
    for name in sorted(small, key=lambda n: (-len(small[n]), n)):
        if name in paired:
            continue
        partner, most = None, 1
        for bit in small[name]:
            for other in users[bit][:_NEIGHBOURS]:
                if other == name or other in paired:
                    continue
                common = len(small[name] & small[other])
                together = len(small[name]) + len(small[other]) - common
                if common > most and together <= SHARED_INPUTS:
                    partner, most = other, common
        if partner is not None:
            paired |= {name, partner}
    return len(paired) // 2
