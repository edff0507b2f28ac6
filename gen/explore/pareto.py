"""Which points nobody beats, and where the line that they make bends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from .points import FITS, SHORT

__all__ = ["ALL", "COSTS", "SPEED_COSTS", "Cost", "Line", "closest_miss", "gain_of", "knee", "line",
           "lines_of", "usable"]

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Cost:
    """A cost that accuracy or speed is bought with.

    Parameters
    ----------
    key : str
        Column.
    name, unit : str
    factor : float
        The column's value times this is in the unit.
    by_part : bool
        Counted in what parts are made of, and compared within a part alone.
    """

    key: str
    name: str
    unit: str = ""
    factor: float = 1.0
    by_part: bool = False


COSTS = (
    Cost("seconds_per_image", "time for an image", "s"),
    Cost("latency_us", "latency", "s", 1e-6),
    Cost("energy_mj_typical", "energy for an image", "J", 1e-3),
    Cost("bits_moved", "data moved on the chip", "bit"),
    Cost("memory_bits", "memory on the chip", "bit"),
    Cost("lut", "LUT sites", by_part=True),
)
"""What accuracy is bought with."""

SPEED_COSTS = (
    Cost("lut", "LUT sites", by_part=True),
    Cost("energy_mj_typical", "energy for an image", "J", 1e-3),
    Cost("power_w_typical", "power", "W"),
)
"""What speed is bought with: the other costs follow from it, or do not change."""

ALL = "all parts"
_ELSEWHERE = {"status": SHORT}
_SPEED = "images_per_second"


@dataclass(frozen=True)
class Line:
    """A Pareto line.

    Parameters
    ----------
    gain, gain_name : str
        Column and name of what is bought.
    cost : Cost
    part : str
        Whose points it is made of.
    points : tuple of int
        Indices of the records, the cheapest first.
    knee : int or None
        The one where it bends.
    """

    gain: str
    gain_name: str
    cost: Cost
    part: str
    points: tuple[int, ...]
    knee: int | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"gain": self.gain, "cost": self.cost.key, "part": self.part,
                "points": list(self.points), "knee": self.knee}


def gain_of(records: Sequence[Record]) -> tuple[str, str]:
    """What is bought, by column and name: accuracy where models differ in it, else speed."""
    known = {record.get("accuracy") for record in records} - {None}
    return ("accuracy", "accuracy") if len(known) > 1 else (_SPEED, "images/s")



def usable(record: Record) -> bool:
    """Whether a point can be built as it is: it fits and reaches its clock."""
    return record["status"] == FITS and bool(record["reaches_clock"])


def line(records: Sequence[Record], gain: str, cost: str) -> list[int]:
    """The Pareto line: points of which no other has more of the gain for no more of the cost.

    Parameters
    ----------
    records : sequence of mapping
    gain, cost : str
        Columns. Points that cannot be built, or have no value there, are left out.

    Returns
    -------
    list of int
        Indices, the cheapest point first; of equal points one, the first.
    """
    known = [k for k, record in enumerate(records) if usable(record)
             and record.get(gain) is not None and record.get(cost) is not None]
    known.sort(key=lambda k: (records[k][cost], -records[k][gain], k))
    best: list[int] = []
    for k in known:
        if not best or records[k][gain] > records[best[-1]][gain]:
            best.append(k)
    return best


def knee(records: Sequence[Record], on_line: Sequence[int], gain: str, cost: str, *,
         logarithmic: bool) -> int | None:
    """The point of a line that is farthest above the chord between its ends.

    Parameters
    ----------
    records : sequence of mapping
    on_line : sequence of int
        As :func:`line` gives it.
    gain, cost : str
        Columns.
    logarithmic : bool
        Whether the gain is measured by its logarithm, as the cost always is.

    Returns
    -------
    int or None
        Index of the record. None if the line has fewer than three points or never rises above
        its chord.

    Notes
    -----
    The knee of V. Satopää, J. Albrecht, D. Irwin and B. Raghavan, "Finding a 'Kneedle' in a
    Haystack", 2011, without smoothing: the line is exact.
    """
    if len(on_line) < 3:
        return None
    xs = [log(max(records[k][cost], 1e-30)) for k in on_line]
    ys = [log(max(records[k][gain], 1e-30)) if logarithmic else records[k][gain] for k in on_line]
    width, height = xs[-1] - xs[0], ys[-1] - ys[0]
    if width <= 0 or height <= 0:
        return None
    above = [(y - ys[0]) / height - (x - xs[0]) / width for x, y in zip(xs, ys, strict=True)]
    best = max(range(len(above)), key=lambda k: above[k])
    return on_line[best] if above[best] > 0 else None


def lines_of(records: Sequence[Record]) -> list[Line]:
    """All lines of a sweep: accuracy against every cost, if models differ in it, and speed."""
    pairs = [((_SPEED, "images/s"), cost) for cost in SPEED_COSTS]
    if (gain := gain_of(records))[0] != _SPEED:
        pairs = [(gain, cost) for cost in COSTS] + pairs
    found = []
    for (key, name), cost in pairs:
        parts = list(dict.fromkeys(r["part"] for r in records)) if cost.by_part else [ALL]
        for part in parts:
            points = line([r if part in (ALL, r["part"]) else _ELSEWHERE for r in records],
                          key, cost.key)
            if points:
                bend = knee(records, points, key, cost.key, logarithmic=key == _SPEED)
                found.append(Line(key, name, cost, part or "any part", tuple(points), bend))
    return found


def closest_miss(records: Sequence[Record]) -> Record | None:
    """Of the points that do not fit, the one that is nearest to fitting."""
    missed = [record for record in records if record["status"] == SHORT and record.get("excess")]
    return min(missed, key=lambda record: record["excess"], default=None)
