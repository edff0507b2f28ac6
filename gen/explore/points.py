"""Points of a sweep: what each is made of, and what becomes of it."""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ...boards.parts import Part
from ...rtl_templates.resources import Resources
from ..dataflow.fold import Search, fold, fold_for, shown
from ..design import Design
from ..errors import QuantloomError, TargetError
from ..estimate.estimate import (
    NAMES,
    Estimate,
    capacity_json,
    estimate,
    resources_json,
)
from .model import Model, unpacked
from .store import key_of
from .sweep import Place, Sweep, Target

__all__ = ["ERROR", "FITS", "SHORT", "Point", "Solve", "evaluate", "points_of", "solves_of"]

FITS, SHORT, ERROR = "fits", "does not fit", "error"
"""What can become of a point."""


@dataclass(frozen=True, eq=False)
class Point:
    """A design that may be built.

    Parameters
    ----------
    model : Model
    place : Place
    clock : float
        In MHz.
    target : Target
    """

    model: Model
    place: Place
    clock: float
    target: Target

    @property
    def cycles(self) -> int | None:
        """Cycles a frame at most; None: as few as fit."""
        return self.target.at(self.clock)

    @property
    def solve(self) -> Solve:
        """What must be folded for it."""
        return Solve(self.model.digest, self.place.part, self.place.utilisation, self.cycles)

    @property
    def key(self) -> str:
        """Hash of all that its result depends on."""
        digest, part, utilisation, cycles = self.solve
        return key_of(digest, None if part is None else part.to_json(), utilisation, cycles,
                      self.clock)

    @property
    def command(self) -> str:
        """What generates it."""
        cycles = self.cycles
        speed = ["--max"] if cycles is None and self.place.part else (
            [] if cycles is None else ["--cycles", str(cycles)])
        out = f"{self.model.name}-{self._where or 'any'}".lower()
        text = shlex.join(["quantloom", "generate", *self.model.arguments, "-o", out,
                           *self.place.arguments, *speed, "--clock", f"{self.clock:g}"])
        return f"{shlex.join(self.model.before)} && {text}" if self.model.before else text

    @property
    def _where(self) -> str | None:
        """Name of the board or part."""
        if self.place.board is not None:
            return Path(self.place.board).stem
        return None if self.place.part is None else self.place.part.name

    def asked(self) -> dict[str, Any]:
        """Columns that say what the point is."""
        part = self.place.part
        return {**self.model.columns(), "part": None if part is None else part.name,
                "board": self.place.board and self._where,
                "utilisation": self.place.utilisation, "clock_mhz": self.clock,
                "target": str(self.target), "target_cycles": self.cycles,
                "command": self.command}


class Solve(NamedTuple):
    """What one folding serves: digest of the network, part, share of it, cycles a frame."""

    digest: str
    part: Part | None
    utilisation: float
    cycles: int | None


def points_of(sweep: Sweep, models: Iterable[Model]) -> list[Point]:
    """All points of a sweep, each once.

    Raises
    ------
    QuantloomError
        If no command would make one of them.
    """
    points: dict[tuple[str, str | None, str], Point] = {}
    for model in models:
        for place, clock, target in sweep.settings():
            if model.stored and place.part is None and target == Target():
                raise QuantloomError(f"{model.name}: a design keeps its folding unless there is a "
                                     "part or a target: give --part, --cycles or --fps")
            point = Point(model, place, clock, target)
            points.setdefault((model.name, place.board, point.key), point)
    return list(points.values())


def solves_of(points: Iterable[Point]) -> dict[Solve, list[Point]]:
    """Points by the folding that they share: those that differ by their clock alone."""
    solves: dict[Solve, list[Point]] = {}
    for point in points:
        solves.setdefault(point.solve, []).append(point)
    return solves


def evaluate(packed: bytes, part: Part | None, utilisation: float, cycles: int | None,
             clocks: Sequence[float]) -> list[dict[str, Any]]:
    """Fold a network once and estimate it at several clocks.

    Parameters
    ----------
    packed : bytes
        The network, as :attr:`~quantloom.gen.explore.model.Model.packed`.
    part : Part or None
    utilisation : float
    cycles : int or None
    clocks : sequence of float
        In MHz.

    Returns
    -------
    list of dict
        A record for each clock. What goes wrong is a record, too.
    """
    started = time.perf_counter()
    try:
        network = unpacked(packed)
        try:
            if part is None:
                flow, foldings = None, fold(network, cycles)
            else:
                folded = fold_for(network, part, cycles, utilisation=utilisation,
                                  clock=clocks[0], search=_search(packed, part))
                flow, foldings = folded.dataflow, folded.foldings
        except TargetError as problem:
            seconds = round(time.perf_counter() - started, 3)
            return [{**_refused(problem), "seconds": seconds} for _ in clocks]
        records = []
        for clock in clocks:
            design = Design(network, foldings, {}, clock, part, cycles)
            if flow is not None:
                design.dataflow = flow
            flow = design.dataflow
            records.append(_record(estimate(design)))
        seconds = round(time.perf_counter() - started, 3)
        return [{**record, "seconds": seconds} for record in records]
    except QuantloomError as problem:
        return [{"status": ERROR, "problem": str(problem)} for _ in clocks]
    except Exception as problem:  # whatever a point does, the others are looked at
        last = traceback.extract_tb(problem.__traceback__)[-1]
        text = f"{type(problem).__name__}: {problem} ({last.name}, line {last.lineno})"
        return [{"status": ERROR, "problem": text} for _ in clocks]


@lru_cache(maxsize=4)
def _search(packed: bytes, part: Part) -> Search:
    """What was listed and priced for one target serves the next."""
    return Search(unpacked(packed), part)


def _refused(problem: TargetError) -> dict[str, Any]:
    record: dict[str, Any] = {"status": SHORT, "problem": str(problem)}
    if problem.needs is not None and problem.room is not None:
        used, free = shown(problem.needs), shown(problem.room)
        record["short_of"] = ", ".join(name for name in used if used[name] > free[name])
        record["excess"] = round(_excess(problem.needs, problem.room), 4)
        record |= resources_json(problem.needs)
    return record


def _excess(needs: Resources, room: Resources) -> float:
    """How many times what there is would be needed, of the scarcest resource."""
    used, free = shown(needs), shown(room)
    return max(used[name] / free[name] if free[name] else float(used[name] > 0) * 1e9
               for name in used)


def _record(found: Estimate) -> dict[str, Any]:
    """Columns of a design that was folded."""
    used, moved, rate = resources_json(found.resources), found.traffic, found.images_per_second
    record: dict[str, Any] = {"status": FITS, "problem": ""}
    if found.part is not None:
        record |= _against(found.part, used)
    power = found.power.to_json() if found.power is not None else None
    for column, key in (("power_w", "total_w"), ("energy_mj", "energy_mj")):
        record |= {f"{column}_{level}": None if power is None else power[key][level]
                   for level in ("low", "typical", "high")}
    interval = found.dataflow.interval
    return {
        **record, **used, "fmax_mhz": round(found.fmax_mhz, 1),
        "reaches_clock": found.clock <= found.fmax_mhz,
        "bottleneck": found.dataflow.bottleneck.name, "interval_cycles": interval,
        "images_per_second": rate, "seconds_per_image": 1 / rate,
        "latency_cycles": found.latency_cycles, "latency_us": found.latency_cycles / found.clock,
        "memory_bits": moved.memory.total, "weight_memory_bits": moved.memory.weights,
        "bytes_in": moved.bytes_in, "bytes_out": moved.bytes_out,
        "bits_moved": moved.between_bits + moved.weight_bits,
        "bits_per_mac": (moved.between_bits + moved.weight_bits) / moved.macs
        if moved.macs else None,
        "macs_per_cycle": moved.macs / interval,
    }  # fmt: skip


def _against(part: Part, used: dict[str, float]) -> dict[str, Any]:
    """Shares of a part, and what of it is short after all."""
    whole = capacity_json(part)
    record: dict[str, Any] = {f"{key}_share": round(used[key] / whole[key], 4) if whole[key]
                              else None for key in NAMES}
    if short := [key for key in NAMES if used[key] > whole[key]]:
        record |= {"status": SHORT, "short_of": ", ".join(NAMES[key] for key in short),
                   "excess": max(used[key] / max(1, whole[key]) for key in short),
                   "problem": "; ".join(f"{used[key]:,g} {NAMES[key]} are more than the "
                                        f"{whole[key]:,g} of {part.name}" for key in short)}
    return record
