"""The run of a sweep: what is known already is taken from the store, the rest is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .accuracy import Labelled, correct
from .model import Model
from .points import ERROR, Point, evaluate, solves_of
from .store import Store, key_of
from .workers import Workers

__all__ = ["Explored", "explore", "measure_accuracy"]

Update = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Explored:
    """What came out of a sweep.

    Parameters
    ----------
    records : list of dict
        A row for each point, in the sweep's order.
    computed, known : int
        Points that were computed now, and those that the store had.
    solves : int
        Foldings that were computed.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    computed: int = 0
    known: int = 0
    solves: int = 0


def measure_accuracy(models: Sequence[Model], data: Labelled, store: Store,
                     update: Update = lambda done, total: None) -> dict[str, dict[str, Any]]:
    """Accuracy of each model over a data set, once for each.

    Returns
    -------
    dict of str to dict
        By the model's name: ``accuracy``, ``frames`` and ``correct``.

    Raises
    ------
    QuantloomError
        If the data set is none of a model's.
    """
    found = {}
    for model in models:
        key = key_of("accuracy", model.digest, data.digest)
        if key not in store.records:
            right = correct(model.network, data, update)
            store.add(key, {"accuracy": right / len(data.labels), "frames": len(data.labels),
                            "correct": right})
        found[model.name] = store.records[key]
    return found


def explore(points: Sequence[Point], store: Store, team: Workers,
            update: Update = lambda done, total: None) -> Explored:
    """Compute what the store does not have yet of all points.

    Parameters
    ----------
    points : sequence of Point
    store : Store
        Has each result as soon as it is known.
    team : Workers
    update : callable
        Told the points that are done, and all.

    Raises
    ------
    QuantloomError
        If the store cannot be written. What goes wrong with a point is that point's record.
    """
    keys = {id(point): point.key for point in points}
    # What failed may have failed for want of memory, or of a disk: it is tried once more.
    missing = [point for point in points
               if store.records.get(keys[id(point)], {}).get("status", ERROR) == ERROR]
    solves = solves_of(missing)
    # One network and part after the other: workers remember what they listed and estimated for the
    # last ones. The fastest designs of each are the largest and take longest; they come first, so
    # that nobody waits long for the last task.
    turn = {pair: k for k, pair in enumerate(dict.fromkeys((s.digest, s.part) for s in solves))}
    tasks = sorted(solves.items(), key=lambda pair: (turn[pair[0].digest, pair[0].part],
                                                     pair[0].cycles or 0))
    known = len(points) - len(missing)
    done = known
    update(done, len(points))
    for solve, result in team.results(evaluate, (
            (solve, (mine[0].model.packed, *solve[1:], _clocks(mine))) for solve, mine in tasks)):
        mine = solves[solve]
        for clock, record in zip(_clocks(mine), _records(result, mine), strict=True):
            key = next(keys[id(point)] for point in mine if point.clock == clock)
            store.add(key, record)
        done += len(mine)
        update(done, len(points))
    records = [{**point.asked(), **store.records[keys[id(point)]]} for point in points]
    return Explored(records, len(missing), known, len(solves))


def _clocks(points: Sequence[Point]) -> list[float]:
    return sorted({point.clock for point in points})


def _records(result: Any, points: Sequence[Point]) -> list[dict[str, Any]]:
    if isinstance(result, BaseException):
        text = f"the process that computed it died: {result}" if str(result) else repr(result)
        return [{"status": ERROR, "problem": text} for _ in _clocks(points)]
    records: list[dict[str, Any]] = result
    return records
