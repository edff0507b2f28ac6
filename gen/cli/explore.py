"""``quantloom explore``: which bits, which folding, which part."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import QuantloomError, TargetError
from ..explore.accuracy import load_labelled
from ..explore.cpu import measure_cpu
from ..explore.model import Model, open_model
from ..explore.page import render
from ..explore.pareto import Line, closest_miss, lines_of
from ..explore.platforms import Platform, best_of, published, published_names
from ..explore.points import ERROR, FITS, SHORT, points_of
from ..explore.quantised import quantised, recorded
from ..explore.results import put, write_results
from ..explore.run import Explored, explore, measure_accuracy
from ..explore.store import fingerprint, open_store
from ..explore.sweep import ModelEntry, Sweep
from ..explore.sweep_file import AXES, make_sweep, read_sweep
from ..explore.workers import workers
from ..report.marks import number, short
from .options import add_input_grid, add_workers, existing, input_grid
from .terminal import console, error, print_json, progress, table

__all__ = ["register"]

STORE = "store.jsonl"
"""File of the output directory that keeps each result as it comes."""

PAGE = "explore.html"


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_list.__name__ = "list"


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "explore", help="sweep models, parts, clocks and targets, and draw the trade-offs",
        description="Fold and estimate models for parts, clocks and targets, all with all; write "
        "a table of the points, and a page with the lines of the best ones. Run again, it goes on "
        "where it was stopped.")
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL",
                        help="an .onnx or .tflite file, or a design.json")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT",
                        help="directory to write")
    parser.add_argument("--sweep", type=Path, metavar="FILE.toml",
                        help="models and lists from a file; what is given here as well counts")
    group = parser.add_argument_group("sweep", "Lists, separated by commas.")
    group.add_argument("--part", type=_list, metavar="PARTS",
                       help="what designs must fit; 'quantloom boards' lists the parts")
    group.add_argument("--board", type=_list, metavar="BOARDS",
                       help="boards, with the room for their shells set aside")
    group.add_argument("--clock", type=_list, metavar="MHZ", help="clocks in MHz (default 100)")
    group.add_argument("--cycles", type=_list, metavar="N", help="cycles a frame at most")
    group.add_argument("--fps", type=_list, metavar="F",
                       help="frames a second at least, at the clock")
    group.add_argument("--max", action="store_true", default=None,
                       help="also as fast as the part allows (alone if there is no target)")
    group.add_argument("--utilisation", type=_list, metavar="PERCENT",
                       help="share of the part's LUT sites that may be used")
    parser.add_argument("--data", type=Path, metavar="FILE.npz",
                        help="labelled frames ('images' and 'labels'), to measure accuracy on")
    other = parser.add_argument_group("other hardware", "What the page compares designs with.")
    other.add_argument("--cpu", action="store_true",
                       help="measure the models on this machine's processor, too, through "
                       "onnxruntime or TensorFlow Lite")
    other.add_argument("--published", type=_list, metavar="TABLES",
                       help="published figures: TOML files, or "
                       f"{', '.join(published_names())}, which comes with Quantloom")
    add_workers(parser, "one for each processor")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_input_grid(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if no point of the sweep fits."""
    sweep = _sweep(arguments)
    data = None if sweep.data is None else load_labelled(existing(sweep.data))
    models = _models(sweep)
    points = points_of(sweep, models)
    with open_store(arguments.output / STORE) as store:
        accuracies: Mapping[str, Mapping[str, Any]] = {}
        if data is not None:
            with progress("measuring accuracy") as update:
                accuracies = measure_accuracy(models, data, store, update)
        with (workers(arguments.workers, arguments.scheduler) as team,
              progress(f"exploring {team.place}", left=True) as update):
            found = explore(points, store, team, update)
    for record in found.records:
        record |= accuracies.get(record["model"], {})
    platforms = _platforms(sweep, models, found, arguments)
    lines = lines_of(found.records)
    summary = _summary(models, found, platforms, lines)
    title = ", ".join(dict.fromkeys(record["network"] for record in found.records))
    files = [put(arguments.output / PAGE, render(
        title, found.records, lines, platforms).encode()),
        *write_results(arguments.output, found.records, summary)]
    if arguments.json:
        print_json({**summary, "output": str(arguments.output),
                    "files": [str(file) for file in files]})
    else:
        _print(found, lines, files)
    return _verdict(found)


def _sweep(arguments: argparse.Namespace) -> Sweep:
    """The sweep of the file, where the command line does not say otherwise."""
    value: dict[str, Any] = {}
    folder = Path()
    if arguments.sweep is not None:
        value, folder = read_sweep(existing(arguments.sweep)), arguments.sweep.parent
    axes = dict(value.get("sweep", {}))
    given = {key: getattr(arguments, key) for key in (*AXES, "max")
             if getattr(arguments, key) is not None}
    for together in (("part", "board"), ("cycles", "fps", "max")):
        if any(key in given for key in together):
            axes = {key: axis for key, axis in axes.items() if key not in together}
    sweep = make_sweep({**value, "sweep": axes | given},
                       where=str(arguments.sweep or "the sweep"), folder=folder)
    if arguments.models:
        grid = input_grid(arguments)
        sweep = replace(sweep, models=tuple(ModelEntry(path, grid=grid)
                                            for path in arguments.models))
    if not sweep.models:
        raise QuantloomError("no model to explore: name one, or --sweep a file with [[model]] and "
                             "file = \"...\"")
    if arguments.published is not None:
        sweep = replace(sweep, published=tuple(arguments.published), folder=Path())
    for name in sweep.published:
        published(name, sweep.folder)  # what is wrong with one is said before the long part
    return replace(sweep, data=arguments.data or sweep.data)


def _models(sweep: Sweep) -> list[Model]:
    models: dict[str, Model] = {}
    with progress("reading models") as update:
        for k, entry in enumerate(sweep.models):
            update(k, len(sweep.models))
            for model in quantised(entry) if entry.formats else [open_model(
                    entry.file, name=entry.name, grid=entry.grid,
                    traits={**recorded(entry.file), **entry.traits})]:
                if model.name in models:
                    raise QuantloomError(f"{entry.file}: there is another model {model.name}; "
                                         "give each a name of its own in a sweep file")
                models[model.name] = model
    return list(models.values())


def _platforms(sweep: Sweep, models: list[Model], found: Explored,
               arguments: argparse.Namespace) -> list[Platform]:
    """Our best, this machine's processor if that is asked for, and published figures."""
    others = [row for name in sweep.published for row in published(name, sweep.folder)]
    measured: list[Platform] = []
    if arguments.cpu:
        with progress("measuring this machine's processor") as update:
            for k, model in enumerate(models):
                update(k, len(models))
                measured.append(measure_cpu(model))
    return [*best_of(found.records), *measured, *others] if others or measured else []


def _summary(models: list[Model], found: Explored, platforms: list[Platform],
             lines: list[Line]) -> dict[str, Any]:
    """What a program wants to know first."""
    counted = Counter(record["status"] for record in found.records)
    return {"quantloom": fingerprint(), "points": len(found.records), "fits": counted[FITS],
            "short": counted[SHORT], "errors": counted[ERROR], "computed": found.computed,
            "known": found.known, "solves": found.solves,
            "models": {model.name: model.digest for model in models},
            "platforms": [row.to_json() for row in platforms],
            "lines": [each.to_json() for each in lines]}


def _print(found: Explored, lines: list[Line], files: list[Path]) -> None:
    """The lines of the best points, and where the rest is."""
    records = found.records
    for each in lines:
        gain, cost = each.gain_name, each.cost
        console.print(f"[bold]{gain} against {cost.name}[/], {each.part}")
        rows = table("model", "part", ">clock", f">{gain}", f">{cost.name}", ">cycles", "")
        for k in each.points:
            record = records[k]
            rows.add_row(record["model"], record["part"] or "any", f"{record['clock_mhz']:g}",
                         number(record[each.gain]), short(record[cost.key] * cost.factor, cost.unit)
                         if cost.unit else number(record[cost.key]),
                         f"{record['interval_cycles']:,}", "knee" if k == each.knee else "")
        console.print(rows)
        console.print()
    counted = Counter(record["status"] for record in records)
    late = sum(record["status"] == FITS and not record["reaches_clock"] for record in records)
    console.print(f"{len(records):,} points: {counted[FITS]:,} fit"
                  + (f" ({late:,} of them not at their clock)" if late else "")
                  + f", {counted[SHORT]:,} do not, {counted[ERROR]:,} failed; {found.computed:,} "
                  f"computed, {found.known:,} known")
    for text, times in Counter(r["problem"] for r in records if r["status"] == ERROR).items():
        error(f"{times} points: {text}" if times > 1 else f"a point: {text}")
    console.print(f"wrote {', '.join(map(str, files))}", markup=False)


def _verdict(found: Explored) -> int:
    """0, or the closest miss where nothing fits."""
    records = found.records
    if any(record["status"] == FITS for record in records):
        return 0
    miss = closest_miss(records)
    if miss is None:
        raise QuantloomError("no point of the sweep could be computed: " + records[0]["problem"])
    raise TargetError(
        f"none of the {len(records):,} points fits. The closest is {miss['model']} on "
        f"{miss['part']} ({miss['target']} at {miss['clock_mhz']:g} MHz): {miss['excess']:.2f} "
        f"times what there is, short of {miss['short_of']}. {miss['problem']}")
