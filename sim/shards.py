"""A simulation of many frames in pieces: what goes to a worker, and one report of all of them."""

from __future__ import annotations

import pickle
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.dataflow.graph import Dataflow
from ..gen.design import Design
from .report import Report, StreamCheck
from .simulate import simulate

__all__ = ["join_reports", "pack_design", "shards_of", "simulate_shard"]

LEAST = 32
"""Frames of a piece: with fewer, filling the pipeline would be a large part of its cycles."""

_PIECES = 4
"""Pieces for each worker, so that nobody waits long for the slowest."""


def shards_of(frames: int, workers: int) -> list[slice]:
    """Cut a number of frames into about equal pieces."""
    pieces = max(1, min(frames // LEAST, workers * _PIECES))
    ends = [round(k * frames / pieces) for k in range(pieces + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def pack_design(design: Design, verilog: Path) -> bytes:
    """A design and its Verilog, for workers that may be elsewhere."""
    content = (design.network, dict(design.foldings), verilog.read_bytes())
    return zlib.compress(pickle.dumps(content), 1)


def simulate_shard(packed: bytes, frames: np.ndarray[Any, Any], engine: str, stress: bool,
                   seed: int) -> Report:
    """Simulate a piece; machines that have compiled the design before do not do so again.

    Parameters
    ----------
    packed : bytes
        As :func:`pack_design` gives it.
    frames : array of int, (frames, height, width, channels)
    engine : str
    stress : bool
    seed : int

    Raises
    ------
    QuantloomError
        As :func:`~quantloom.sim.simulate.simulate` does.
    """
    network, foldings, verilog = pickle.loads(zlib.decompress(packed))
    design = Design(network, foldings)
    with tempfile.TemporaryDirectory(prefix="quantloom-") as folder:
        file = Path(folder) / f"{network.name}.v"
        file.write_bytes(verilog)
        return simulate(design.dataflow, file, frames, engine=engine, stress=stress, seed=seed)


def join_reports(dataflow: Dataflow, reports: Sequence[Report]) -> Report:
    """One report of pieces, in the order of their frames.

    Each piece began with an empty pipeline: latency and levels over time are the first one's,
    cycles are the sum, and the interval is the mean, each frame counted alike.
    """
    first = reports[0]
    counts = [report.frames_requested for report in reports]
    starts = np.cumsum([0, *counts])
    mismatch = next((replace(report.first_mismatch,
                             frame=report.first_mismatch.frame + int(start))
                     for report, start in zip(reports, starts, strict=False)
                     if report.first_mismatch is not None), None)
    paced = [(report.interval_cycles, n) for report, n in zip(reports, counts, strict=True)
             if report.interval_cycles is not None]
    return replace(
        first, frames=sum(report.frames for report in reports), frames_requested=sum(counts),
        mismatches=sum(report.mismatches for report in reports), first_mismatch=mismatch,
        streams=tuple(StreamCheck(check.stream, check.tensor,
                                  sum(report.streams[k].beats for report in reports),
                                  sum(report.streams[k].mismatches for report in reports))
                      for k, check in enumerate(first.streams)),
        outputs=np.concatenate([report.outputs for report in reports]),
        cycles=sum(report.cycles for report in reports),
        interval_cycles=round(sum(cycles * n for cycles, n in paced)
                              / sum(n for _, n in paced), 3) if paced else None,
        fifo_high_water={name: (max(report.fifo_high_water[name][0] for report in reports), depth)
                         for name, (_, depth) in first.fifo_high_water.items()},
        deadlock=next((report.deadlock for report in reports if report.deadlock), None))
