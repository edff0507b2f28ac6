"""report.json: everything that is known of a design; the page is made of it alone.

``schema.json`` beside this module describes it. Every command brings its own part up to date and
leaves the others as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..dataflow.plan import INPUT
from ..design import Design
from ..estimate.estimate import Estimate, estimate
from ..network import Conv2d, Dense, Op
from ..output import file_hash, put_file
from ..stored import load_json
from .histograms import Activations, histogram
from .page import render

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

    from ...sim.report import Report

__all__ = ["FORMAT", "PAGE", "RECORD", "new_record", "read_record", "refresh", "verification",
           "write_record"]

FORMAT = 2
"""Version of report.json; a report of another format is made anew."""

RECORD, PAGE = "report.json", "report.html"
"""The files in a design's directory."""


def new_record(design: Design, found: Estimate | None = None,
               activations: Activations | None = None,
               directory: Path | None = None) -> dict[str, Any]:
    """The report of a design that was neither simulated nor synthesised.

    Parameters
    ----------
    design : Design
    found : Estimate or None
        None: it is made here.
    activations : Activations or None
        Over the frames of the test bench.
    directory : Path or None
        With the design and its Verilog, whose hashes are kept: what the same model and options
        must give everywhere.
    """
    return {
        "format": FORMAT,
        "quantloom": version("quantloom"),
        "files": {} if directory is None else {
            path.relative_to(directory).as_posix(): file_hash(path)
            for path in sorted([directory / "design.json", *(directory / "rtl").iterdir()])},
        "model": _model(design),
        "dataflow": _dataflow(design),
        "estimate": {**(found or estimate(design)).to_json(), "target_cycles": design.target},
        "activations": None if activations is None else activations.to_json("vectors"),
        "verification": None,
        "synthesis": None,
    }  # fmt: skip


def _model(design: Design) -> dict[str, Any]:
    network = design.network
    weighted = [op for op in network.ops if isinstance(op, Conv2d | Dense)]
    return {
        "name": network.name, "source": dict(design.source),
        "input": _tensor(design, INPUT), "output": _tensor(design, network.output),
        "macs": network.macs(), "weights": sum(int(op.weights.size) for op in weighted),
        "weight_bits": sum(int(op.weights.size) * op.weight_type.bits for op in weighted),
        "host": list(network.host),
        "layers": [_layer(design, op) for op in network.ops],
    }  # fmt: skip


def _tensor(design: Design, name: str) -> dict[str, Any]:
    tensor = design.network.tensors[name]
    return {"shape": list(tensor.shape), "type": str(tensor.type), "range": [tensor.lo, tensor.hi]}


def _layer(design: Design, op: Op) -> dict[str, Any]:
    value = {"name": op.name, "op": op.kind, "inputs": list(op.inputs),
             **_tensor(design, op.name), "macs": op.macs(*design.network.inputs_of(op)),
             "folding": dict(design.foldings.get(op.name, {}))}
    if isinstance(op, Conv2d | Dense):
        value["weights"] = {"shape": list(op.weights.shape), "number": int(op.weights.size),
                            "type": str(op.weight_type), "bits": op.weight_type.bits,
                            **histogram(op.weights)}
    return value


def _dataflow(design: Design) -> dict[str, Any]:
    flow = design.dataflow
    return {
        "blocks": [{
            "name": block.name, "kind": block.params.kind, "layer": block.layer,
            "inputs": list(block.inputs), "outputs": list(block.outputs),
            "depth": block.params.depth, "latency": block.params.latency,
        } for block in flow.blocks.values()],
        "streams": [{
            "name": stream.name, "from": stream.producer, "to": stream.consumer,
            "tensor": stream.tensor, "type": str(stream.shape.type), "lanes": stream.shape.lanes,
            "width": stream.shape.width, "beats": stream.shape.beats,
        } for stream in flow.streams.values()],
    }  # fmt: skip


def verification(report: Report, engine_version: str, verilog: Path) -> dict[str, Any]:
    """The record of a simulation.

    Parameters
    ----------
    report : Report
    engine_version : str
        As the simulator names itself.
    verilog : Path
        What was simulated.
    """
    return {
        "ok": report.ok, "engine": report.engine, "engine_version": engine_version,
        "quantloom": version("quantloom"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "verilog": {"file": verilog.name, "sha256": file_hash(verilog)},
        "frames": report.frames, "frames_requested": report.frames_requested,
        "mismatches": report.mismatches,
        "first_mismatch": None if report.first_mismatch is None else str(report.first_mismatch),
        "deadlock": report.deadlock, "stress": report.stress, "seed": report.seed,
        "cycles": report.cycles, "interval_cycles": report.interval_cycles,
        "latency_cycles": report.latency_cycles,
        "layers_checked": list(report.layers_checked), "streams_checked": len(report.streams),
        "beats_checked": sum(check.beats for check in report.streams),
        "fifos": {name: {"depth": depth, "mark": mark, "every": report.fifo_levels[name][0],
                         "levels": list(report.fifo_levels[name][1])}
                  for name, (mark, depth) in report.fifo_high_water.items()},
    }  # fmt: skip


def read_record(directory: Path) -> dict[str, Any] | None:
    """The report in a design's directory; None if there is none that is whole."""
    try:
        value = load_json(directory / RECORD)
    except (OSError, ValueError):
        return None
    return value if _schema().is_valid(value) else None


@cache
def _schema() -> Draft202012Validator:
    """What report.json must look like."""
    from jsonschema import Draft202012Validator  # half of what else a command imports

    text = (files(__package__) / "schema.json").read_text()
    return Draft202012Validator(json.loads(text))


def write_record(directory: Path, record: Mapping[str, Any]) -> None:
    """Write report.json and the page, each at once or not at all."""
    for name, text in ((RECORD, json.dumps(record, indent=1) + "\n"), (PAGE, render(record))):
        put_file(directory / name, text.encode())


def refresh(directory: Path, design: Design, found: Estimate | None = None,
            **parts: Any) -> list[str]:
    """Bring the report of a design up to date.

    Parameters
    ----------
    directory : Path
    design : Design
        For a report that has to be made anew.
    found : Estimate or None
    parts : Any
        New values by the names of the record's parts.

    Returns
    -------
    list of str
        What to say if the directory cannot be written: what a command found does not depend on
        that.
    """
    def updated(record: dict[str, Any]) -> dict[str, Any]:
        if found is not None:
            record["estimate"] = {**found.to_json(), "target_cycles": design.target}
        return {**record, **parts, "quantloom": version("quantloom")}

    def anew() -> dict[str, Any]:
        return new_record(design, found, directory=directory)

    try:
        try:
            write_record(directory, updated(read_record(directory) or anew()))
        except (LookupError, ArithmeticError, TypeError, ValueError):
            # Damaged in a way that its schema allows, such as a stream from nowhere.
            write_record(directory, updated(anew()))
    except OSError as problem:
        return [f"{directory}: the report was not refreshed: {problem.strerror or problem}"]
    return []
