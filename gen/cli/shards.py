"""A simulation whose frames are shared among workers."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ...sim import golden
from ...sim.report import Report
from ...sim.shards import join_reports, pack_design, shards_of, simulate_shard
from ...sim.simulate import engine_version
from ..design import Design
from ..errors import QuantloomError
from ..explore.workers import workers
from ..report.histograms import FRAMES as COUNTED
from ..report.histograms import Activations
from ..report.record import refresh, verification
from .terminal import error, progress

__all__ = ["simulate_in_pieces"]


def simulate_in_pieces(design: Design, directory: Path, frames: np.ndarray,
                       arguments: argparse.Namespace) -> Report:
    """Simulate the Verilog of a design in pieces, by the workers that the command line names.

    The report of the directory shows it, as it does a simulation in one go.

    Raises
    ------
    QuantloomError
        If a piece cannot be simulated.
    """
    verilog = directory / "rtl" / f"{design.network.name}.v"
    engine = arguments.engine or "verilator"
    with workers(arguments.workers, arguments.scheduler) as team:
        shards = shards_of(len(frames), team.width())
        packed = pack_design(design, verilog)
        tasks = [(k, (packed, frames[shard], engine, arguments.stress, arguments.seed + k))
                 for k, shard in enumerate(shards)]
        found: dict[int, Report] = {}
        with progress(f"simulating {team.place}", left=True) as update:
            update(0, len(frames))
            # The first piece compiles, for all that share this machine's cache.
            for ahead in (tasks[:1], tasks[1:]):
                for k, result in team.results(simulate_shard, ahead):
                    if isinstance(result, BaseException):
                        raise result if isinstance(result, QuantloomError) else QuantloomError(
                            f"frames {shards[k].start} to {shards[k].stop - 1}: {result}")
                    found[k] = result
                    update(sum(report.frames_requested for report in found.values()), len(frames))
    report = join_reports(design.dataflow, [found[k] for k in range(len(shards))])
    activations = Activations(design)
    for frame in frames[:COUNTED]:
        activations.add(golden.run(design.network, frame[None], keep=True))
    for note in refresh(directory, design, activations=activations.to_json("simulation"),
                        verification=verification(report, engine_version(engine), verilog)):
        error(note)
    return report
