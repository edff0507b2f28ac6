"""Pareto lines, their knees, and the closest miss."""

from __future__ import annotations

import numpy as np

from quantloom.gen.explore.pareto import closest_miss, knee, line, lines_of


def record(gain, cost, **more):
    return {"status": "fits", "reaches_clock": True, "images_per_second": gain, "lut": cost,
            "part": "A", "energy_mj_typical": None, "power_w_typical": None, **more}


def test_line_is_what_nobody_beats():
    seed = 11
    rng = np.random.default_rng(seed)
    records = [record(int(g), int(c)) for g, c in rng.integers(1, 60, (300, 2))]
    found = line(records, "images_per_second", "lut")
    for k, r in enumerate(records):
        beaten = any(o["lut"] <= r["lut"] and o["images_per_second"] >= r["images_per_second"]
                     and o != r for o in records)
        same = [i for i in found if records[i] == r]
        assert (k in found or bool(same)) == (not beaten), (seed, k)
    costs = [records[k]["lut"] for k in found]
    assert costs == sorted(set(costs)), seed


def test_what_cannot_be_built_is_on_no_line():
    records = [record(9, 1, status="does not fit"), record(8, 1, reaches_clock=False),
               record(7, 1, lut=None), record(2, 5)]
    assert line(records, "images_per_second", "lut") == [3]
    assert line(records[:3], "images_per_second", "lut") == []


def test_knee_is_farthest_above_the_chord():
    records = [record(g, c) for g, c in ((1, 1), (10, 2), (80, 10), (100, 100))]
    points = line(records, "images_per_second", "lut")
    assert points == [0, 1, 2, 3]
    # Above the chord in decades of both: 0.5 - 0.15, 0.95 - 0.5.
    assert knee(records, points, "images_per_second", "lut", logarithmic=True) == 2
    assert knee(records, points[:2], "images_per_second", "lut", logarithmic=True) is None
    straight = [record(10**k, 10**k) for k in range(3)]
    assert knee(straight, [0, 1, 2], "images_per_second", "lut", logarithmic=True) is None


def test_area_is_compared_within_a_part():
    records = [record(1, 5), record(2, 9, part="B"), record(3, 50, part="B")]
    assert [(each.part, each.points) for each in lines_of(records)] == [
        ("A", (0,)), ("B", (1, 2))]


def test_accuracy_counts_where_models_differ_in_it():
    records = [record(1, 5, accuracy=0.9, seconds_per_image=1.0),
               record(2, 9, accuracy=0.9, seconds_per_image=0.5)]
    assert {each.gain for each in lines_of(records)} == {"images_per_second"}
    records[1]["accuracy"] = 0.8
    found = {(each.gain, each.cost.key): each.points for each in lines_of(records)}
    assert found["accuracy", "seconds_per_image"] == (1, 0)


def test_closest_miss():
    records = [record(1, 1), {"status": "does not fit", "excess": 3.0},
               {"status": "does not fit", "excess": 1.5}, {"status": "error"}]
    assert closest_miss(records) is records[2]
    assert closest_miss(records[:1]) is None
