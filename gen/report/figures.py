"""What the page shows of a report: rows of the layers' table, and the charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...boards.parts import PARTS
from ..dataflow.fold import DEFAULT_PART
from ..dataflow.plan import INPUT
from ..estimate.estimate import capacity_json
from . import charts as chart
from .charts import Bar, Dot
from .marks import number, ratio, short

__all__ = ["RESOURCES", "Figure", "activation_charts", "charts", "fifo_charts", "layer_rows",
           "power_tiles", "room", "weight_charts"]

Json = Mapping[str, Any]

SUMS = frozenset({"conv2d", "dense"})
"""Layers whose output is shown only where nothing follows: what comes behind them says more."""

COPIES = frozenset({"pad", "concat", "reshape", "upsample", "maxpool"})
"""Layers whose output has the values of their input."""


@dataclass(frozen=True)
class Resource:
    """A resource: its key in the report, and its name."""

    key: str
    name: str


RESOURCES = (Resource("lut", "LUT sites"), Resource("ff", "flip-flops"),
             Resource("bram36", "BRAM36"), Resource("dsp", "DSP"))


@dataclass(frozen=True)
class Figure:
    """A chart with its title, and a note below it."""

    title: str
    note: str
    svg: Markup


def room(record: Json) -> tuple[dict[str, float], str]:
    """What a design is compared with: its part, or else the smallest Zynq that holds it."""
    found = record["estimate"]
    if "capacity" in found:
        return found["capacity"], found["part"]
    used = found["total"]["resources"]
    zynqs = (part for part in PARTS.values() if part.family == DEFAULT_PART.family)
    for part in sorted(zynqs, key=lambda part: part.luts):
        whole = capacity_json(part)
        if all(used[key] <= whole[key] for key in whole):
            break
    return whole, part.name


def layer_rows(record: Json) -> list[dict[str, Any]]:
    """Rows of the layers' table: the input, and every layer with the sum of its blocks."""
    found, model = record["estimate"], record["model"]
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(
        (*(r.key for r in RESOURCES), "cycles"), 0))
    for block in found["blocks"]:
        entry = sums[block["layer"]]
        for resource in RESOURCES:
            entry[resource.key] += block["resources"][resource.key]
        entry["cycles"] = max(entry["cycles"], block["cycles"])
    slowest = next(b["layer"] for b in found["blocks"] if b["name"] == found["bottleneck"])
    rows = [{"name": INPUT, "op": "input", "macs": 0, "folding": {}, **model["input"]},
            *model["layers"]]
    return [{**row, "sum": sums[row["name"]],
             "slowest": row["name"] == slowest,
             "share": sums[row["name"]]["cycles"] / found["interval_cycles"],
             "folded": _folded(row["folding"])} for row in rows]


def _folded(folding: Json) -> str:
    """A folding in few words: what is 1, 0 or ``lut`` goes without saying."""
    return ", ".join(f"{key} {value}" for key, value in folding.items()
                     if value not in (0, 1, "lut")) or ", ".join(
                         f"{key} {value}" for key, value in list(folding.items())[:2])


def charts(record: Json) -> list[Figure]:
    """Speed, area, and what both have to do with each other."""
    rows = layer_rows(record)
    return [figure for figure in (
        _cycles(record, rows), _against_part(record), _roofline(record, rows),
        _energy(record), _memory(record), _areas(record, rows), _sparsity(record)) if figure]


def _cycles(record: Json, rows: list[dict[str, Any]]) -> Figure:
    found = record["estimate"]
    target = found.get("target_cycles")
    line = (target, f"target {number(target)}") if target else (
        found["interval_cycles"], f"{number(found['interval_cycles'])} a frame")
    shown = [Bar(row["name"], (row["sum"]["cycles"],), number(row["sum"]["cycles"]),
                 f"{row['name']}: {number(row['sum']['cycles'])} cycles, busy "
                 f"{ratio(row['share'])} of the time", row["name"], row["slowest"])
             for row in rows if row["sum"]["cycles"]]
    return Figure("Cycles a layer", "The slowest block of each layer. A layer that is well below "
                  "the line could be folded further, for less area.",
                  chart.bars("Cycles a frame of each layer", shown, line=line))


def _against_part(record: Json) -> Figure:
    used, (whole, name) = record["estimate"]["total"]["resources"], room(record)
    made = (record["synthesis"] or {}).get("resources", {})
    shown = []
    for resource in RESOURCES:
        key, most = resource.key, whole[resource.key]
        if not most:
            continue
        values: tuple[float | None, ...] = (used[key] / most,)
        tip = f"{resource.name}: {number(used[key])} of {number(most)} estimated"
        if made:
            values = (used[key] / most, made[key] / most if key in made else None)
            tip += f", {number(made[key])} synthesised" if key in made else ""
        shown.append(Bar(resource.name, values, ratio(used[key] / most), tip,
                         hot=used[key] > most))
    note = f"Estimate{' (upper) and synthesis (lower)' if made else ''}, of {name}"
    if "capacity" not in record["estimate"]:
        note += ", the smallest Zynq that holds it"
    return Figure("Resources", note + ".", chart.bars(f"Resources of {name}", shown, top=1.0,
                                                      line=(1.0, name)))


def _roofline(record: Json, rows: list[dict[str, Any]]) -> Figure | None:
    found = record["estimate"]
    dots = []
    for row in rows:
        area, cycles = row["sum"]["lut"], row["sum"]["cycles"]
        if row["macs"] and cycles and area:
            speed = row["macs"] / cycles
            dots.append(Dot(area, speed, row["name"],
                            f"{row['name']}: {number(speed)} MAC a cycle at full speed\n"
                            f"{number(area)} LUT sites, {number(area / speed)} for each",
                            row["name"], True))
    if not dots:
        return None
    total, macs = found["total"]["resources"]["lut"], record["model"]["macs"]
    speed = macs / found["interval_cycles"]
    dots.sort(key=lambda dot: -dot.y)
    dots.insert(0, Dot(total, speed, "whole design",
                       f"whole design: {number(speed)} MAC a cycle\n{number(total)} LUT sites, "
                       f"{number(total / speed)} for each", None, True, "b"))
    whole, name = room(record)
    return Figure("Roofline", "What each layer computes for its area. The slanted lines are so "
                  "many LUT sites for a multiply-accumulate a cycle: up and left is better.",
                  chart.scatter("Multiply-accumulates a cycle against LUT sites", dots,
                                x_name="LUT sites", y_name="MAC a cycle",
                                slopes=[(1.0, "1"), (1 / 4, "4"), (1 / 16, "16"), (1 / 64, "64")],
                                limit=(whole["lut"], name)))


def _memory(record: Json) -> Figure:
    bits = record["estimate"]["traffic"]["memory_bits"]
    names = {"weights": "weights", "tables": "tables", "rows": "rows", "queues": "queues"}
    shown = [Bar(name, (bits[key],), short(bits[key], "bit"),
                 f"{name}: {number(bits[key])} bits") for key, name in names.items()]
    return Figure("Memory on the chip", "Weights, thresholds and other tables, line buffers, FIFOs "
                  "and output queues, whatever holds them.",
                  chart.bars("Bits on the chip", shown))


def _areas(record: Json, rows: list[dict[str, Any]]) -> Figure:
    made: dict[str, float] = defaultdict(float)
    layer_of = {block["name"]: block["layer"] for block in record["dataflow"]["blocks"]}
    for name, used in (record["synthesis"] or {}).get("blocks", {}).items():
        made[layer_of.get(name, "")] += used["lut"]
    total = sum(row["sum"]["lut"] for row in rows) or 1
    shown = []
    for row in rows:
        area = row["sum"]["lut"]
        if area:
            values = (area, made.get(row["name"])) if made else (area,)
            shown.append(Bar(row["name"], values, number(area),
                             f"{row['name']}: {number(area)} LUT sites, {ratio(area / total)}",
                             row["name"]))
    return Figure("LUT sites by layer", "The sum over the blocks of each layer"
                  + (", estimated (upper) and synthesised (lower)." if made else "."),
                  chart.bars("LUT sites of each layer", shown))


def _energy(record: Json) -> Figure | None:
    energies = energy_by_block(record)
    if not energies:
        return None
    largest = sorted(energies.items(), key=lambda pair: -pair[1])[:16]
    total = sum(energies.values())
    shown = [Bar(name, (joules,), short(joules, "J"),
                 f"{name}: {short(joules, 'J')} an image, {ratio(joules / total)}", name)
             for name, joules in largest]
    rest = total - sum(joules for _, joules in largest)
    if len(energies) > len(largest):
        shown.append(Bar(f"{len(energies) - len(largest)} more", (rest,), short(rest, "J"),
                         f"all others: {short(rest, 'J')} an image"))
    power = record["estimate"]["power"]
    return Figure("Energy by block", "Dynamic energy of an image, typical. "
                  f"{short(power['static_w']['typical'], 'W')} more are static.",
                  chart.bars("Energy of an image by block", shown))


def energy_by_block(record: Json) -> dict[str, float]:
    """Typical dynamic joules of an image by block; empty where they are not known."""
    found = record["estimate"]
    blocks = (found.get("power") or {}).get("blocks", {})
    return {name: watts / found["images_per_second"] for name, block in blocks.items()
            if (watts := block["dynamic_w"]["typical"]) > 0}


def power_tiles(power: Json) -> list[dict[str, str]]:
    """Figures of the power estimate."""
    total, energy = power["total_w"], power["energy_mj"]
    return [{"name": "power", "value": short(total["typical"], "W"),
             "note": f"{_span(total, 1.0, 'W')}, activity: {power['activity']}"},
            {"name": "energy an image", "value": short(energy["typical"] * 1e-3, "J"),
             "note": _span(energy, 1e-3, "J")}]


def _span(range_: Json, unit: float, name: str) -> str:
    return f"{short(range_['low'] * unit, name)} to {short(range_['high'] * unit, name)}"


def _sparsity(record: Json) -> Figure | None:
    shown = []
    for layer in record["model"]["layers"]:
        if "weights" in layer and layer["weights"]["zeros"] > 0:
            share = layer["weights"]["zeros"]
            shown.append(Bar(f"{layer['name']} weights", (share,), ratio(share),
                             f"{layer['name']}: {ratio(share)} of the weights are 0"))
    known = (record["activations"] or {}).get("tensors", {})
    for name in _shown_tensors(record):
        share = known[name]["zeros"]
        if share > 0:
            shown.append(Bar(name, (share,), ratio(share),
                             f"{name}: {ratio(share)} of the activations are 0", name, kind="b"))
    if not shown:
        return None
    return Figure("Zeros", "Share of weights and of activations that are 0.",
                  chart.bars("Share of zeros", shown, top=1.0))


def _shown_tensors(record: Json) -> list[str]:
    """Tensors whose activations are shown: those that a layer makes new."""
    known = (record["activations"] or {}).get("tensors", {})
    layers = record["model"]["layers"]
    names = [INPUT, *(layer["name"] for k, layer in enumerate(layers)
                      if layer["op"] not in COPIES
                      and (layer["op"] not in SUMS or k == len(layers) - 1))]
    return [name for name in names if name in known]


def weight_charts(record: Json) -> list[Figure]:
    """A histogram of each layer's weights."""
    return [Figure(layer["name"], f"{number(w['number'])} of {w['type']}",
                   chart.columns(f"Weights of {layer['name']}", w["counts"], w["lo"], w["step"]))
            for layer in record["model"]["layers"] if (w := layer.get("weights"))]


def activation_charts(record: Json) -> list[Figure]:
    """A histogram of each tensor that a layer makes new."""
    known = (record["activations"] or {}).get("tensors", {})
    types = {layer["name"]: layer["type"] for layer in record["model"]["layers"]}
    types[INPUT] = record["model"]["input"]["type"]
    return [Figure(name, types[name], chart.columns(f"Activations of {name}",
                                                    known[name]["counts"], known[name]["lo"],
                                                    known[name]["step"]))
            for name in _shown_tensors(record)]


def fifo_charts(record: Json) -> list[Figure]:
    """How full each FIFO was during the simulation."""
    fifos = (record["verification"] or {}).get("fifos", {})
    return [Figure(name, f"at most {number(fifo['mark'])} of {number(fifo['depth'])}",
                   chart.levels(f"Beats in {name} over time", fifo["levels"], fifo["every"],
                                fifo["depth"], f"{name}: at most {number(fifo['mark'])} of "
                                f"{number(fifo['depth'])} places, in stretches of "
                                f"{number(fifo['every'])} cycles"))
            for name, fifo in fifos.items()]
