"""Place and route on an ECP5, and the bitstream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...boards.target import Target
from ..errors import QuantloomError
from .family import Job, Placement
from .record import PathStep, Placed
from .tools import Tool, find_ecp5

__all__ = ["options", "placement", "recipe"]

# What nextpnr and amaranth-boards call the same things.
_SIZES = {"LFE5U-12F": "--12k", "LFE5U-25F": "--25k", "LFE5U-45F": "--45k", "LFE5U-85F": "--85k"}
_PACKAGES = {"BG256": "CABGA256", "MG285": "CSFBGA285", "BG381": "CABGA381", "BG554": "CABGA554",
             "BG756": "CABGA756"}


CONFIG = "routed.config"
"""What nextpnr leaves for ecppack."""


def options(target: Target) -> list[str]:
    """Options of nextpnr-ecp5 for a part in its package; any where there are no pins.

    Raises
    ------
    QuantloomError
        If it does not know such a part.
    """
    part, package = target.part.name, target.package or "BG381"
    for value, known in ((part, _SIZES), (package, _PACKAGES)):
        if value not in known:
            raise QuantloomError(f"{value}: nextpnr-ecp5 takes {', '.join(known)}")
    return [_SIZES[part], "--package", _PACKAGES[package], "--speed", target.speed or "6"]


def _arguments(job: Job) -> list[str]:
    """Of nextpnr-ecp5; without constraints the ports may be anywhere."""
    return [*options(job.target), "--json", job.netlist,
            *(["--lpf", job.constraints] if job.target.pinned else ["--lpf-allow-unconstrained"]),
            "--freq", f"{job.clock:g}", "--seed", str(job.seed), "--timing-allow-fail",
            "--textcfg", CONFIG]


def _pack(job: Job) -> list[str]:
    """Arguments of ecppack."""
    return ["--compress", CONFIG, f"{job.name}.bit"]


def placement(job: Job) -> Placement:
    """See :meth:`.Family.placement`."""
    nextpnr = find_ecp5("nextpnr-ecp5")
    return Placement(
        lambda: _place(job, nextpnr), f"{job.name}.bit" if job.target.pinned else None,
        (str(nextpnr), *_arguments(job)),
        None if job.target.pinned else "placed without pins: ports are behind shift registers, "
        "whose flip-flops are counted")


def recipe(job: Job) -> str:
    """See :meth:`.Family.recipe`."""
    return "".join(f"{tool} {' '.join(arguments)}\n" for tool, arguments in (
        ("${NEXTPNR_ECP5:-nextpnr-ecp5}", _arguments(job)), ("${ECPPACK:-ecppack}", _pack(job))))


def _place(job: Job, nextpnr: Tool) -> Placed:
    directory, tools = job.directory, [nextpnr]
    nextpnr.run([*_arguments(job), "--report", "timing.json"], directory=directory,
                log=directory / "nextpnr.log")
    if job.target.pinned:
        tools.append(find_ecp5("ecppack"))
        tools[-1].run(_pack(job), directory=directory, log=directory / "ecppack.log")
    report = json.loads((directory / "timing.json").read_text())
    return Placed(_slowest_clock(report), job.clock, _critical_path(report),
                  {kind: (int(entry["used"]), int(entry["available"]))
                   for kind, entry in report["utilization"].items() if entry["used"]},
                  tuple(map(str, tools)))


def _slowest_clock(report: Mapping[str, Any]) -> float | None:
    clocks = [float(clock["achieved"]) for clock in report.get("fmax", {}).values()]
    return round(min(clocks), 1) if clocks else None


def _critical_path(report: Mapping[str, Any]) -> tuple[PathStep, ...]:
    """The longest path within a clock, step by step."""
    inside = [path for path in report.get("critical_paths", [])
              if path["from"] == path["to"] and path["from"].startswith("posedge")]
    if not inside:
        return ()
    longest = max(inside, key=lambda path: sum(step["delay"] for step in path["path"]))
    return tuple(PathStep(str(step["net"] if step["type"] == "routing" else step["to"]["cell"]),
                          "wires" if step["type"] == "routing" else "logic",
                          round(float(step["delay"]), 3)) for step in longest["path"])
