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

_CUTS = 6
"""Cuts that a node keeps."""

_PASSES = 2
"""The second pass shares area among the loads that the first one's cover had."""

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
    chosen: dict[int, Cut] = {}
    for _ in range(_PASSES):
        best = _best_cuts(logic, order, loads, prices, hurry)
        chosen, used = {}, dict.fromkeys(loads, 0.0)
        todo = list(needed)
        for node in needed:
            used[node] += 1
        while todo:
            node = todo.pop()
            if node in chosen:
                continue
            chosen[node] = best[node]
            for leaf in best[node]:
                used[leaf] = used.get(leaf, 0.0) + 1
                if logic.kind[leaf] != LEAF:
                    todo.append(leaf)
        loads = {node: (count + 2 * used[node]) / 3 if used[node] else count
                 for node, count in loads.items()}
    return chosen


def _reached(logic: Logic, roots: Sequence[int]) -> tuple[list[int], dict[int, float]]:
    """Nodes before the roots, each behind its inputs, and how often each is read."""
    loads: dict[int, float] = {}
    todo = []
    for root in roots:
        node = root >> 1
        if node not in loads:
            todo.append(node)
        loads[node] = loads.get(node, 0.0) + 1
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
                    loads[child] = 0.0
                loads[child] += 1
    loads.pop(0, None)
    return sorted(node for node in loads if kind[node] != LEAF), loads


def _best_cuts(logic: Logic, order: Sequence[int], loads: Mapping[int, float],
               prices: Sequence[float], hurry: float) -> dict[int, Cut]:
    kind, first, second, third = logic.kind, logic.first, logic.second, logic.third
    most = len(prices) - 1
    empty: list[tuple[float, Cut]] = [(0.0, frozenset())]
    cuts: dict[int, list[tuple[float, Cut]]] = {0: empty}
    best: dict[int, Cut] = {}

    def of(node: int) -> list[tuple[float, Cut]]:
        found = cuts.get(node)
        if found is None:
            found = cuts[node] = [(0.0, frozenset((node,)))]
        return found

    # A cut's flow is that of the LUTs before it: what its own LUT costs depends on the end.
    flow: dict[int, float] = {}
    depth: dict[int, int] = {}

    def merged(a: list[tuple[float, Cut]], b: list[tuple[float, Cut]],
               keep: int) -> list[tuple[float, Cut]]:
        found: dict[Cut, float] = {}
        for _, left in a:
            for _, right in b:
                union = left | right
                if len(union) <= most and union not in found:
                    total = 0.0
                    for leaf in union:
                        total += flow.get(leaf, 0.0)
                    if hurry:
                        total += hurry * max((depth.get(leaf, 0) for leaf in union), default=0)
                    found[union] = total
        return sorted(((total, union) for union, total in found.items()),
                      key=lambda item: item[0] + prices[len(item[1])])[:keep]

    for node in order:
        what = kind[node]
        a, b = of(first[node] >> 1), of(second[node] >> 1)
        if what in (AND, XOR):
            found = merged(a, b, _CUTS)
        else:
            found = merged(merged(a, b, 2 * _CUTS), of(third[node] >> 1), _CUTS)
        total, cut = found[0]
        best[node] = cut
        if hurry:
            late = max((depth.get(leaf, 0) for leaf in cut), default=0)
            total -= hurry * late
            depth[node] = late + 1
        own = (total + prices[len(cut)]) / max(1.0, loads[node])
        flow[node] = own
        found.append((own, frozenset((node,))))
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
