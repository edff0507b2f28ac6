"""The drawing: layers from top to bottom, nothing on top of anything else."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from quantloom.gen.report.layered import layered

GAP, RISE = 24, 34


def overlaps(drawing, sizes):
    for a, b in combinations(sizes, 2):
        (ax, ay), (bx, by) = drawing.nodes[a], drawing.nodes[b]
        if (abs(ax - bx) < (sizes[a][0] + sizes[b][0]) / 2 - 1e-6
                and abs(ay - by) < (sizes[a][1] + sizes[b][1]) / 2 - 1e-6):
            yield a, b


def test_chain_is_straight():
    sizes = {name: (50 + 10 * k, 20) for k, name in enumerate("abcd")}
    drawing = layered(sizes, [("a", "b"), ("b", "c"), ("c", "d")], gap=GAP, rise=RISE)
    assert len({round(x, 6) for x, _ in drawing.nodes.values()}) == 1
    assert [y for _, y in drawing.nodes.values()] == [10, 64, 118, 172]
    assert drawing.height == 182 and drawing.width == 80 + GAP


def test_branches_lie_side_by_side_and_in_the_middle():
    sizes = dict.fromkeys(["in", "left", "right", "more", "out"], (60, 20))
    edges = [("in", "left"), ("in", "right"), ("right", "more"), ("left", "out"), ("more", "out")]
    drawing = layered(sizes, edges)
    at = drawing.nodes
    assert at["in"][0] == pytest.approx(at["out"][0])
    assert at["in"][0] == pytest.approx((at["left"][0] + at["right"][0]) / 2)
    assert at["right"][0] == pytest.approx(at["more"][0])
    # The long edge goes straight down beside "more".
    route = drawing.edges[3]
    assert all(x == pytest.approx(at["left"][0]) for x, _ in route[:-1])
    assert abs(route[1][0] - at["more"][0]) >= 30


def test_no_crossing_where_none_is_needed():
    """Two chains whose ends are given in the wrong order."""
    sizes = dict.fromkeys("sabdct", (40, 20))
    edges = [("s", "a"), ("s", "b"), ("b", "d"), ("a", "c"), ("d", "t"), ("c", "t")]
    at = layered(sizes, edges).nodes
    assert (at["a"][0] < at["b"][0]) == (at["c"][0] < at["d"][0])


@pytest.mark.parametrize("seed", range(12))
def test_random(seed):
    print(f"random graph {seed}")
    rng = random.Random(seed)
    names = [f"n{k}" for k in range(rng.randint(2, 40))]
    sizes = {name: (rng.uniform(20, 160), rng.uniform(10, 50)) for name in names}
    edges = [(names[rng.randrange(max(0, k - 8), k)], names[k])
             for k in range(1, len(names)) for _ in range(rng.choice([1, 1, 1, 2]))]
    edges = list(dict.fromkeys(edges))
    rng.shuffle(edges)
    drawing = layered(sizes, edges, gap=GAP, rise=RISE)
    assert not list(overlaps(drawing, sizes))
    for (a, b), route in zip(edges, drawing.edges, strict=True):
        assert drawing.nodes[a][1] < drawing.nodes[b][1]
        assert route[0][1] == pytest.approx(drawing.nodes[a][1] + sizes[a][1] / 2)
        assert route[-1][1] == pytest.approx(drawing.nodes[b][1] - sizes[b][1] / 2)
        assert all(one[1] <= other[1] + 1e-9 for one, other in pairwise(route))
    for name, (x, y) in drawing.nodes.items():
        assert sizes[name][0] / 2 <= x <= drawing.width - sizes[name][0] / 2
        assert sizes[name][1] / 2 - 1e-6 <= y <= drawing.height - sizes[name][1] / 2 + 1e-6
    assert layered(sizes, edges, gap=GAP, rise=RISE) == drawing
