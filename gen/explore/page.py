"""explore.html: one file that shows a sweep, without network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from markupsafe import Markup

from ..report.marks import number, short
from ..report.template import render_page
from . import figures
from .pareto import Line, usable
from .platforms import Platform
from .points import ERROR, FITS, SHORT
from .results import COLUMNS

__all__ = ["render"]

Record = Mapping[str, Any]

_SHOWN = 60
"""Rows of the table of best designs at most."""


def render(title: str, records: Sequence[Record], lines: Sequence[Line],
           platforms: Sequence[Platform] = ()) -> str:
    """The page of a sweep.

    Parameters
    ----------
    title : str
    records : sequence of mapping
        By the keys of :data:`~quantloom.gen.explore.results.COLUMNS`.
    lines : sequence of Line
    platforms : sequence of Platform
        Ours, this machine's, published ones.
    """
    best = list(dict.fromkeys(k for each in lines for k in each.points))
    best.sort(key=lambda k: -records[k]["images_per_second"])
    return render_page(
        __package__, "explore", {"span": _span, "rate": _rate},
        title=title, version=version("quantloom"), data=_data(records), records=records,
        tiles=_tiles(records, lines), trades=figures.trade_offs(records, lines),
        gains=figures.gain_figures(records), widths=figures.accuracy_figures(records),
        parts=figures.resource_figures(records, lines), platforms=platforms,
        sources=list(dict.fromkeys(p.source for p in platforms if p.source)), best=best[:_SHOWN],
        left_out=max(0, len(best) - _SHOWN), misses=_misses(records), late=_late(records),
        accurate=any(r.get("accuracy") is not None for r in records),
        knees={each.knee for each in lines})


def _rate(value: float) -> str:
    return number(value) if value >= 1000 else f"{value:.4g}"


def _span(pair: tuple[float, float], unit: str = "") -> str:
    low, high = (short(value, unit) for value in pair)
    return low if low == high else f"{low} to {high}"


def _data(records: Sequence[Record]) -> Markup:
    """Columns and rows for the script; nothing in them ends the element that they stand in."""
    rows = [[_rounded(record.get(column.key)) for column in COLUMNS] for record in records]
    text = json.dumps({"columns": [[c.key, c.name, c.unit] for c in COLUMNS], "rows": rows},
                      separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _late(records: Sequence[Record]) -> int:
    return sum(r["status"] == FITS and not usable(r) for r in records)


def _tiles(records: Sequence[Record], lines: Sequence[Line]) -> list[dict[str, str]]:
    counted = Counter(r["status"] for r in records)
    good = [r for r in records if usable(r)]
    names = dict.fromkeys(r["model"] for r in records)
    parts = [p for p in dict.fromkeys(r["part"] for r in records) if p]
    tiles = [{"name": "points", "value": number(len(records)),
              "note": f"{len(names)} model{'s' * (len(names) > 1)}, "
                      f"{len(parts) or 'any'} part{'s' * (len(parts) > 1)}"},
             {"name": "can be built", "value": number(len(good)),
              "note": f"{number(counted[SHORT])} do not fit, {number(_late(records))} miss their "
                      f"clock" + (f", {number(counted[ERROR])} failed" if counted[ERROR] else "")}]
    if good:
        fast = max(good, key=lambda r: r["images_per_second"])
        tiles.append({"name": "fastest", "value": f"{short(fast['images_per_second'])}",
                      "note": f"images/s: {_where(fast)}"})
    if metered := [r for r in good if r["energy_mj_typical"] is not None]:
        least = min(metered, key=lambda r: r["energy_mj_typical"])
        tiles.append({"name": "least energy an image",
                      "value": short(least["energy_mj_typical"] * 1e-3, "J"),
                      "note": _where(least)})
    if known := [r for r in records if r.get("accuracy") is not None]:
        best = max(known, key=lambda r: r["accuracy"])
        tiles.append({"name": "most accurate", "value": f"{100 * best['accuracy']:.4g}%",
                      "note": f"{best['model']}, {number(best['frames'])} frames"})
    bends = [each for each in lines if each.knee is not None]
    if bends:
        bend = records[bends[0].knee or 0]
        tiles.append({"name": f"knee, {bends[0].part}", "value": short(bend["images_per_second"]),
                      "note": f"images/s: {_where(bend)}"})
    return tiles


def _where(record: Record) -> str:
    return (f"{record['model']}, {record['part'] or 'any part'}, {record['clock_mhz']:g} MHz, "
            f"{record['interval_cycles']:,} cycles")


def _misses(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What does not fit or failed, by what it says."""
    counted = Counter((r["model"], r["part"], r["status"], r.get("short_of") or r["problem"])
                      for r in records if r["status"] != FITS)
    return [{"model": model, "part": part or "any", "status": status, "what": what, "points": times}
            for (model, part, status, what), times in counted.items()]
