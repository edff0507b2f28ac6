"""A case: a network, its folding and frames; what must hold of it, and how it is kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantloom.gen.dataflow.lower import lower
from quantloom.gen.dataflow.plan import Folding
from quantloom.gen.design import ARRAYS, FORMAT, Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import Network
from quantloom.gen.network.storage import to_json
from quantloom.sim import golden
from quantloom.sim.simulate import simulate

from ..e2e.random_networks import random_folding
from .networks import extreme_frames, wide_network
from .onnx_graph import evaluate

__all__ = ["Case", "Failure", "check", "load", "random_case", "save"]

FRAMES = 4
"""Random frames behind those of extremes."""

ENGINES = ("verilator",)


@dataclass(frozen=True, eq=False)
class Case:
    """What is simulated.

    Parameters
    ----------
    network : Network
    foldings : dict of str to Folding
    frames : array of int, (frames, height, width, channels)
    seed : int
        Of the pauses.
    """

    network: Network
    foldings: dict[str, Folding]
    frames: np.ndarray
    seed: int


@dataclass(frozen=True)
class Failure:
    """Something that must hold and does not: which of all things, and what was seen."""

    kind: str
    text: str


def random_case(seed: int) -> Case:
    """A case that depends on the seed alone.

    Raises
    ------
    QuantloomError
        If what was drawn is not a network.
    """
    network = wide_network(seed)
    return Case(network, random_folding(network, seed), extreme_frames(network, FRAMES, seed), seed)


def check(case: Case, engines: Sequence[str] = ENGINES) -> Failure | None:
    """The first thing that does not hold of a case, None if all does.

    Every tensor of the golden model lies in its range and is what onnxruntime computes; every
    stream of the Verilog is equal to it, flat out and under stress; frames come at the interval
    that the dataflow states. What is refused with a clear message is no failure.
    """
    try:
        tensors = golden.run(case.network, case.frames, keep=True)
        return _golden(case, tensors) or _hardware(case, engines)
    except QuantloomError as error:
        return Failure("refused", str(error))
    except Exception as error:  # whatever it is, it is what the fuzzer is after
        return Failure(type(error).__name__, f"{type(error).__name__}: {error}")


def _golden(case: Case, tensors: dict[str, np.ndarray]) -> Failure | None:
    for name, value in tensors.items():
        t = case.network.tensors[name]
        if value.shape[1:] != t.shape or value.min() < t.lo or value.max() > t.hi:
            return Failure("range", f"{name}: {value.min()} to {value.max()}, shape "
                           f"{value.shape[1:]}, but the network says {t}")
    try:
        other = evaluate(case.network, case.frames)
    except NotImplementedError:
        return None
    for name, value in other.items():
        if not np.array_equal(value, tensors[name]):
            place = tuple(int(k) for k in np.argwhere(value != tensors[name])[0])
            return Failure("onnx", f"{name} at {place}: golden {tensors[name][place]}, "
                           f"onnxruntime {value[place]}")
    return None


def _hardware(case: Case, engines: Sequence[str]) -> Failure | None:
    dataflow = lower(case.network, case.foldings)
    with tempfile.TemporaryDirectory(prefix="quantloom-fuzz-") as folder:
        verilog = Path(folder) / "random.v"
        verilog.write_text(to_verilog(dataflow))
        for engine in engines:
            for stress in (False, True):
                where = f"{engine}, {'stress' if stress else 'flat out'}: "
                try:
                    report = simulate(dataflow, verilog, case.frames, engine=engine,
                                      stress=stress, seed=case.seed)
                except QuantloomError as error:  # the simulator's own checks
                    return Failure("simulator", f"{where}{error}")
                if report.deadlock is not None:
                    return Failure("deadlock", where + report.deadlock)
                if not report.ok or report.frames != len(case.frames):
                    return Failure("mismatch", f"{where}{report.first_mismatch}, "
                                   f"{report.frames} frames")
                pace = report.interval_cycles
                if pace is not None and pace > max(1.02 * dataflow.interval, dataflow.interval + 1):
                    return Failure("interval", f"{where}{pace} cycles a frame instead of "
                                   f"{dataflow.interval}")
    return None


def save(case: Case, failure: Failure, directory: Path) -> None:
    """Write a case as ``design.json`` with its arrays, ``inputs.npy``, and what was seen."""
    value, arrays = to_json(case.network)
    for entry in ({"name": "input", "layer": value["input"]},
                  *({"name": layer["name"], "layer": layer} for layer in value["layers"])):
        if entry["name"] in case.foldings:
            entry["layer"]["folding"] = case.foldings[entry["name"]]
    directory.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"seed": case.seed, "kind": failure.kind, "text": failure.text}
    (directory / "design.json").write_text(
        json.dumps({"format": FORMAT, "found": found, **value}, indent=1) + "\n")
    np.savez_compressed(directory / ARRAYS, **arrays)
    np.save(directory / "inputs.npy", case.frames)


def load(directory: Path) -> Case:
    """The case that :func:`save` wrote."""
    design = Design.load(directory)
    seed = json.loads((directory / "design.json").read_text())["found"]["seed"]
    return Case(design.network, dict(design.foldings), np.load(directory / "inputs.npy"), seed)
