"""Switching activity: how often the nets of the emitted Verilog change, block by block."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..gen.errors import QuantloomError
from ..gen.estimate.activity import Activity, BlockActivity, MemoryActivity, Toggles
from ..gen.output import file_hash
from . import verilator
from .engine import Design, Job, Progress, Trace
from .nets import Memory, ModuleNets, module_nets
from .report import Report
from .saif import Saif, Scope, traced
from .simulate import idle_limit, words_of

__all__ = ["count_activity", "simulate_traced"]

_ENABLE = re.compile(r"(\w+)(?:\[(\d+)\])?")


def simulate_traced(dataflow: Dataflow, verilog: Path, frames: np.ndarray[Any, Any],
                    report: Report, on_progress: Progress | None = None) -> Saif:
    """Activity of every net while given frames go in, flat out.

    The pipeline is filled with the same frames beforehand, and one more follows, so that every
    block works all the time.

    Parameters
    ----------
    dataflow : Dataflow
    verilog : Path
        The emitted file.
    frames : array of int, (frames, height, width, channels)
    report : Report
        Of a simulation of the same Verilog without pauses.
    on_progress : callable or None
        As for :func:`~quantloom.sim.simulate.simulate`.

    Returns
    -------
    Saif
        Two units of time are a clock cycle.

    Raises
    ------
    QuantloomError
        If the simulation behind the report was under stress or not equal, or Verilator refuses.
    """
    if not report.ok or report.latency_cycles is None:
        raise QuantloomError(f"{dataflow.name}: activity is counted on a design that was proven "
                             "flat out; this simulation was not equal, or was under stress")
    fill = report.latency_cycles // dataflow.interval + 1
    count = len(frames)
    order = (np.arange(fill + count + 1) - fill) % count
    design = replace(Design.of(dataflow, [verilog]), traced=True)
    simulator = verilator.build(design, on_progress)
    with tempfile.TemporaryDirectory(prefix="quantloom-") as folder:
        trace = Trace(fill, fill + count, Path(folder) / "trace.saif")
        simulator.run(Job(len(order), words_of(dataflow, design, frames[order]),
                          idle_limit=idle_limit(dataflow), trace=trace), on_progress)
        return traced(trace.saif)


def count_activity(dataflow: Dataflow, verilog: Path, saif: Saif, frames: int) -> Activity:
    """Classes of nets by block, from the activity of every net.

    Parameters
    ----------
    dataflow : Dataflow
    verilog : Path
        The file that was simulated: it says what a net is.
    saif : Saif
        Two units of time are a clock cycle.
    frames : int
        That went in.

    Raises
    ------
    QuantloomError
        If the Verilog is not as it was emitted, so that a net's activity is missing.
    """
    try:
        blocks = _blocks(dataflow, module_nets(verilog.read_text()), saif)
    except KeyError as error:
        raise QuantloomError(f"{verilog}: {error.args[0]!r} is not where emitted Verilog has it; "
                             "generate the design again") from error
    return Activity(dataflow.name, file_hash(verilog), "verilator", frames, saif.duration // 2,
                    blocks)


def _blocks(dataflow: Dataflow, modules: Mapping[str, ModuleNets], saif: Saif,
            ) -> dict[str, BlockActivity]:
    top = saif.scope.scopes[dataflow.name]
    children = modules[dataflow.name].children
    blocks = {}
    for name, block in dataflow.blocks.items():
        classes: dict[str, Toggles] = {}
        streams = [*block.outputs, *(s for s in block.inputs if s == dataflow.input)]
        for stream in streams:
            for part, kind in (("payload", "payload"), ("valid", "handshake"),
                               ("ready", "handshake")):
                _add(classes, kind, top, f"{stream}_{part}")
        memories: list[MemoryActivity] = []
        for path, nets, scope in _instances(modules, children[name], top.scopes[name]):
            for net, kind in nets.kinds.items():
                _add(classes, kind, scope, net)
            memories += [_memory(path, memory, scope, saif.duration // 2)
                         for memory in nets.memories]
        blocks[name] = BlockActivity(classes, tuple(memories))
    return blocks


def _instances(modules: Mapping[str, ModuleNets], module: str, scope: Scope, path: str = "",
               ) -> Iterator[tuple[str, ModuleNets, Scope]]:
    """A module and all in it: path within the block, what its nets are, their activity."""
    nets = modules[module]
    yield path, nets, scope
    for name, child in nets.children.items():
        yield from _instances(modules, child, scope.scopes[name], f"{path}{name}/")


def _add(classes: dict[str, Toggles], kind: str, scope: Scope, net: str) -> None:
    toggles = scope.nets[net].toggles
    classes[kind] = classes.get(kind, Toggles(0, 0)) + Toggles(len(toggles), int(toggles.sum()))


def _memory(path: str, memory: Memory, scope: Scope, cycles: int) -> MemoryActivity:
    def active(enable: str | None) -> int:
        if not enable:
            return cycles
        found = _ENABLE.fullmatch(enable)
        if found is None:
            raise ValueError(f"{path}{memory.name}: an enable must be a net or a bit of one, "
                             f"not {enable!r}")
        return int(scope.nets[found[1]].high[int(found[2] or 0)]) // 2

    return MemoryActivity(path + memory.name, memory.style, memory.width, memory.depth,
                          sum(map(active, memory.reads)), sum(map(active, memory.writes)))
