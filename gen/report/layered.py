"""Layered drawing of a directed acyclic graph: where its nodes and edges go.

The steps are those of Sugiyama, Tagawa and Toda (1981): a layer for each node by its longest path
from a source, invisible nodes where an edge crosses a layer, an order within each layer by the
barycentres of the neighbours, and places that come as near to the neighbours' as the order allows,
with chains kept straight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

__all__ = ["Drawing", "Size", "layered"]

Size = tuple[float, float]
"""Width and height."""

Point = tuple[float, float]

SWEEPS = 12
"""Passes down and up for the order."""

SETTLING = 24
"""Rounds for the places."""


@dataclass(frozen=True)
class Drawing:
    """A graph in the plane.

    Parameters
    ----------
    width, height : float
    nodes : dict of str to (float, float)
        Centres.
    edges : list of list of (float, float)
        Points that each edge goes through, from its producer's lower side to its consumer's upper
        side, in the order in which the edges were given.
    """

    width: float
    height: float
    nodes: dict[str, Point]
    edges: list[list[Point]]


class _Layers:
    """Nodes and invisible nodes by layer; all are numbers from here on."""

    def __init__(self, sizes: Sequence[Size], edges: Sequence[tuple[int, int]], gap: float):
        rank = [0] * len(sizes)
        for a, b in edges:  # sorted by their producers, which are in topological order
            rank[b] = max(rank[b], rank[a] + 1)
        self.widths = [w + gap for w, _ in sizes]
        self.rank, self.real = rank, len(sizes)
        self.above: list[list[int]] = [[] for _ in sizes]
        self.below: list[list[int]] = [[] for _ in sizes]
        self.paths: list[list[int]] = []
        for a, b in edges:
            path = [a]
            for layer in range(rank[a] + 1, rank[b]):
                path.append(len(self.widths))
                self.widths.append(gap)
                self.rank.append(layer)
                self.above.append([])
                self.below.append([])
            path.append(b)
            self.paths.append(path)
            for one, other in pairwise(path):
                self.below[one].append(other)
                self.above[other].append(one)
        self.rows: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        for node, layer in enumerate(self.rank):
            self.rows[layer].append(node)

    def order(self) -> None:
        """Order each layer by barycentres; the order with the fewest crossings is kept."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(SWEEPS):
            if fewest == 0:
                break
            down = sweep % 2 == 0
            place = self._places()
            for row in self.rows if down else reversed(self.rows):
                self._sort(row, self.above if down else self.below, place)
                place.update((node, k) for k, node in enumerate(row))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    @staticmethod
    def _sort(row: list[int], near: Sequence[Sequence[int]], place: Mapping[int, float]) -> None:
        row.sort(key=lambda node: sum(place[n] for n in near[node]) / len(near[node])
                 if near[node] else place[node])

    def _places(self) -> dict[int, float]:
        return {node: float(k) for row in self.rows for k, node in enumerate(row)}

    def _crossings(self) -> int:
        place = self._places()
        total = 0
        for row in self.rows:
            ends = [(place[a], place[b]) for a in row for b in self.below[a]]
            total += sum((a < c and b > d) or (a > c and b < d)
                         for k, (a, b) in enumerate(ends) for c, d in ends[k + 1:])
        return total

    def centres(self) -> list[float]:
        """Horizontal places."""
        try:
            return self._settled(self._chains())
        except CycleError:  # chains that cross cannot all be straight
            return self._settled(list(range(len(self.widths))))

    def _chains(self) -> list[int]:
        """For each node the first one of its chain: edges that neither fork nor join."""
        first = list(range(len(self.widths)))
        for row in self.rows:
            for node in row:
                if len(self.above[node]) == 1 == len(self.below[self.above[node][0]]):
                    first[node] = first[self.above[node][0]]
        return first

    def _settled(self, chain: Sequence[int]) -> list[float]:
        """Places at which every chain is straight, near to those that it is joined with."""
        apart: dict[int, dict[int, float]] = {k: {} for k in chain}  # to those on its left
        for row in self.rows:
            for one, other in pairwise(row):
                a, b = chain[one], chain[other]
                least = (self.widths[one] + self.widths[other]) / 2
                apart[b][a] = max(apart[b].get(a, 0.0), least)
        order = list(TopologicalSorter({k: list(left) for k, left in apart.items()}).static_order())
        near: dict[int, list[int]] = {k: [] for k in chain}
        for one, row in enumerate(self.below):
            for other in row:
                a, b = chain[one], chain[other]
                if a != b:
                    near[a].append(b)
                    near[b].append(a)
        x = dict.fromkeys(order, 0.0)
        for _ in range(SETTLING):
            x = _legal({k: sum(x[n] for n in near[k]) / len(near[k]) if near[k] else x[k]
                        for k in order}, order, apart)
        return [x[k] for k in chain]


def _legal(wanted: Mapping[int, float], order: Sequence[int],
           apart: Mapping[int, Mapping[int, float]]) -> dict[int, float]:
    """Places with all distances kept: the mean of pushing to the right and to the left."""
    right: dict[int, float] = {}
    for k in order:
        right[k] = max([wanted[k], *(right[n] + least for n, least in apart[k].items())])
    left = dict(wanted)
    for k in reversed(order):
        for n, least in apart[k].items():
            left[n] = min(left[n], left[k] - least)
    return {k: (right[k] + left[k]) / 2 for k in order}


def layered(sizes: Mapping[str, Size], edges: Sequence[tuple[str, str]], *, gap: float = 24,
            rise: float = 34) -> Drawing:
    """Places for the nodes and edges of a graph, from top to bottom.

    Parameters
    ----------
    sizes : mapping of str to (float, float)
        Width and height of the nodes, in topological order.
    edges : sequence of (str, str)
        Producer and consumer.
    gap, rise : float
        Least distance of neighbours, and of layers.

    Returns
    -------
    Drawing
    """
    names = list(sizes)
    number = {name: k for k, name in enumerate(names)}
    ends = [(number[a], number[b]) for a, b in edges]
    by_producer = sorted(range(len(ends)), key=lambda k: ends[k][0])
    layers = _Layers([sizes[n] for n in names], [ends[k] for k in by_producer], gap)
    layers.order()
    x = layers.centres()
    left = min(at - width / 2 for at, width in zip(x, layers.widths, strict=True))
    right = max(at + width / 2 for at, width in zip(x, layers.widths, strict=True))
    middles, heights, y = [], [], 0.0
    for row in layers.rows:
        height = max((sizes[names[n]][1] for n in row if n < len(names)), default=0.0)
        middles.append(y + height / 2)
        heights.append(height)
        y += height + rise
    nodes = {name: (x[k] - left, middles[layers.rank[k]]) for k, name in enumerate(names)}
    routes: list[list[Point]] = [[] for _ in edges]
    for k, path in zip(by_producer, layers.paths, strict=True):
        a, b = names[path[0]], names[path[-1]]
        points = [(nodes[a][0], nodes[a][1] + sizes[a][1] / 2)]
        for node in path[1:-1]:  # straight through the whole layer
            layer = layers.rank[node]
            points += [(x[node] - left, middles[layer] - heights[layer] / 2),
                       (x[node] - left, middles[layer] + heights[layer] / 2)]
        routes[k] = [*points, (nodes[b][0], nodes[b][1] - sizes[b][1] / 2)]
    return Drawing(right - left, y - rise, nodes, routes)
