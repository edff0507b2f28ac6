"""report.html: one file that shows all that report.json holds, without network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import figures
from .drawing import drawing
from .marks import number, ratio, short
from .template import render_page

__all__ = ["render"]

Json = Mapping[str, Any]


def render(record: Json) -> str:
    """The page of a report.

    Parameters
    ----------
    record : mapping
        As ``schema.json`` describes it.
    """
    return render_page(
        __package__, "page", {"shape": _shape}, title=record["model"]["name"],
        record=record, model=record["model"], estimate=record["estimate"],
        verification=record["verification"], synthesis=record["synthesis"],
        flow=drawing(record), layers=figures.layer_rows(record), tiles=_tiles(record),
        comparison=_comparison(record), charts=figures.charts(record),
        fifos=figures.fifo_charts(record), weights=figures.weight_charts(record),
        activations=figures.activation_charts(record))


def _shape(sizes: Iterable[int]) -> str:
    return " × ".join(map(str, sizes))


def _tiles(record: Json) -> list[dict[str, str]]:
    """The figures that one looks for first."""
    found, proof = record["estimate"], record["verification"]
    tiles = [{"name": "images a second", "value": short(found["images_per_second"]),
              "note": f"at {found['clock_mhz']:g} MHz"},
             {"name": "cycles a frame", "value": number(found["interval_cycles"]),
              "note": f"{found['bottleneck']} is the slowest"},
             {"name": "latency", "value": short(found["latency_us"] * 1e-6, "s"),
              "note": f"{number(found['latency_cycles'])} cycles"}]
    whole, name = figures.room(record)
    used = found["total"]["resources"]
    tiles += [{"name": key.name, "value": number(used[key.key]),
               "note": f"{ratio(used[key.key] / whole[key.key])} of {name}" if whole[key.key]
               else f"{name} has none"} for key in figures.RESOURCES]
    tiles.append({"name": "Fmax", "value": f"{found['fmax_mhz']:.0f} MHz",
                  "note": f"{found['clock']['slowest_block']}: {found['clock']['path']}"})
    if found.get("power"):
        tiles += figures.power_tiles(found["power"])
    if proof is not None:
        tiles.append({"name": "frames simulated", "value": number(proof["frames"]),
                      "note": "every integer equal" if proof["ok"] else "not equal"})
    return tiles


def _comparison(record: Json) -> list[dict[str, str]]:
    """Estimated, simulated and synthesised figures, row by row."""
    found, proof, done = record["estimate"], record["verification"], record["synthesis"]
    rows = []

    def row(name: str, one: Any, other: Any, third: Any = None) -> None:
        values = ["" if v is None else number(v) for v in (one, other, third)]
        best = third if third is not None else other
        rows.append({"name": name, "estimate": values[0], "simulation": values[1],
                     "synthesis": values[2],
                     "error": f"{one / best - 1:+.1%}" if best and one is not None else ""})

    row("cycles a frame", found["interval_cycles"], proof and proof["interval_cycles"])
    row("latency, cycles", found["latency_cycles"], proof and proof["latency_cycles"])
    made = {} if done is None else done.get("resources", {})
    for key in figures.RESOURCES:
        row(key.name, found["total"]["resources"][key.key], None, made.get(key.key))
    fmax = None if done is None else done.get("fmax_mhz")
    row("Fmax, MHz", found["fmax_mhz"], None, fmax)
    return rows
