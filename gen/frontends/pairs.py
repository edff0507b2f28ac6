"""Exact affine forms of functions of two integers.

A residual sum of two tensors on different grids, with the quantiser behind it, is a function of
two integers in the source's own arithmetic. Where one slope an operand and one offset give the
same result for every pair that can occur, it is a weighted sum and a shift in hardware. The
slopes are found by linear programming over the pairs at which the result switches, and every pair
is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["AffinePair", "fit_pair"]

Array = np.ndarray[Any, Any]

_MAX_SHIFT = 32
_MULTIPLIER_BITS = 25
"""Wider port of a DSP slice, the sign included."""
_ROUNDS = 200


@dataclass(frozen=True)
class AffinePair:
    """``clip((multipliers[0] * a + multipliers[1] * b + offset) >> shift, lo, hi)``."""

    multipliers: tuple[int, int]
    offset: int
    shift: int
    lo: int
    hi: int


@dataclass(frozen=True, eq=False)
class _Demands:
    """Pairs (a, b, 1) and the levels that the sum there must reach, or stay below."""

    reach: Array
    reach_level: Array
    below: Array
    below_level: Array


def fit_pair(table: Array, lo: tuple[int, int]) -> AffinePair | None:
    """The form that equals a function of two integers, None if there is none.

    Parameters
    ----------
    table : array of int, (n, m)
        Result for ``a = lo[0] + i``, ``b = lo[1] + j``; monotone along both axes.
    lo : (int, int)
        Least values of the two.
    """
    table = np.asarray(table, dtype=np.int64)
    least, most = int(table.min()), int(table.max())
    if least == most:
        return AffinePair((0, 0), least, 0, least, most)
    demands = _demands(table, lo, least, most)
    slopes = _slopes(demands)
    if slopes is None:
        return None
    for shift in range(_MAX_SHIFT + 1):
        near = [int(v) for v in np.rint(slopes * 2.0**shift)]
        if max(abs(v) for v in near) >= 1 << _MULTIPLIER_BITS - 1:
            return None
        for pair in ((near[0] + i, near[1] + j) for i in (0, -1, 1) for j in (0, -1, 1)):
            offset = _offset(demands, pair, shift)
            if offset is not None:
                return AffinePair(pair, offset, shift, least, most)
    return None


def _demands(table: Array, lo: tuple[int, int], least: int, most: int) -> _Demands:
    """What the sum must meet: pairs within one row and level between others follow from those."""
    a, b = np.meshgrid(lo[0] + np.arange(table.shape[0]), lo[1] + np.arange(table.shape[1]),
                       indexing="ij")
    pairs = np.stack([a, b, np.ones_like(a)], axis=-1)
    # First and last element of each run of one level in a row.
    change = np.diff(table, axis=1) != 0
    edge = np.ones((len(table), 1), bool)
    first, last = np.concatenate([edge, change], axis=1), np.concatenate([change, edge], axis=1)
    ends = first | last
    up, down = ends & (table > least), ends & (table < most)
    return _Demands(pairs[up], table[up], pairs[down], table[down] + 1)


def _slopes(demands: _Demands) -> Array | None:
    """Two slopes that leave the widest room for the offset, by adding violated demands in turn."""
    from ortools.linear_solver import pywraplp  # slow to load, and needed by few models

    solver = pywraplp.Solver.CreateSolver("GLOP")
    far = solver.infinity()
    slope = [solver.NumVar(-far, far, "a"), solver.NumVar(-far, far, "b")]
    offset, room = solver.NumVar(-far, far, "c"), solver.NumVar(-far, 1.0, "room")
    solver.Maximize(room)

    def demand(pair: Array, level: int, sign: int) -> None:
        row = solver.Add(sign * (slope[0] * int(pair[0]) + slope[1] * int(pair[1]) + offset
                                 - int(level)) >= room)
        assert row is not None

    for pairs, levels, sign in ((demands.reach, demands.reach_level, 1),
                                (demands.below, demands.below_level, -1)):
        for i in {0, len(levels) // 2, len(levels) - 1}:
            demand(pairs[i], levels[i], sign)
    for _ in range(_ROUNDS):
        if solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        at = np.array([v.solution_value() for v in (*slope, offset)])
        margin = room.solution_value()
        if margin <= 0:
            return None
        worst = 0.0
        for pairs, levels, sign in ((demands.reach, demands.reach_level, 1),
                                    (demands.below, demands.below_level, -1)):
            slack = sign * (pairs @ at - levels) - margin
            for i in np.argsort(slack)[:8]:
                if slack[i] < -1e-9:
                    demand(pairs[i], levels[i], sign)
                    worst = min(worst, float(slack[i]))
        if worst == 0.0:
            return at[:2]
    return None


def _offset(demands: _Demands, multipliers: tuple[int, int], shift: int) -> int | None:
    """The offset with the most trailing zeros that meets every demand, None if there is none."""
    slope = np.array(multipliers, dtype=np.int64)
    least = int(((demands.reach_level << shift) - demands.reach[:, :2] @ slope).max())
    most = int(((demands.below_level << shift) - 1 - demands.below[:, :2] @ slope).min())
    if least > most:
        return None
    for zeros in range(48, -1, -1):
        rounded = -(-least >> zeros) << zeros
        if rounded <= most:
            return rounded
    return least
