"""A design: the network, its folding, and the directory that holds what was generated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from ..boards.parts import Part
from .dataflow.graph import Dataflow
from .dataflow.lower import lower
from .dataflow.plan import INPUT, Folding
from .errors import QuantloomError
from .network import Network
from .network.storage import from_json, to_json
from .stored import load_arrays, load_json

__all__ = ["DEFAULT_CLOCK", "Design", "cycles_at", "design_file", "stored_design"]

FORMAT = 1
"""Version of design.json; a design of another format is refused."""

DEFAULT_CLOCK = 100.0
"""MHz; what the peers' boards run at."""

ARRAYS = "weights.npz"
"""File beside design.json with the arrays that it names."""


def cycles_at(fps: float, clock: float, name: str = "fps") -> int:
    """Cycles a frame of a rate, at a clock in MHz.

    Raises
    ------
    QuantloomError
        If it is more than a frame a cycle; the text calls the rate by the name.
    """
    cycles = int(clock * 1e6 / fps)
    if cycles < 1:
        raise QuantloomError(f"{name} {fps:g} is more than a frame a cycle at {clock:g} MHz")
    return cycles


def design_file(path: Path) -> Path | None:
    """``design.json`` of a path that is one, or a directory that holds one; else None."""
    if path.is_dir() and (path / "design.json").is_file():
        return path / "design.json"
    return path if path.name.endswith(".json") and path.is_file() else None


@dataclass(eq=False)
class Design:
    """A network and how it is folded.

    Parameters
    ----------
    network : Network
    foldings : mapping of str to dict
        Folding by layer, and that of the input.
    source : dict
        What the design came from, for the record: file name, hash.
    clock : float
        In MHz, what speeds are given for.
    part : Part or None
        That it was folded for.
    target : int or None
        Cycles a frame that were asked for.
    made_by : str
        Version of Quantloom that wrote it.
    """

    network: Network
    foldings: Mapping[str, Folding]
    source: dict[str, Any] = field(default_factory=dict)
    clock: float = DEFAULT_CLOCK
    part: Part | None = None
    target: int | None = None
    made_by: str = field(default_factory=lambda: version("quantloom"))

    @property
    def foreign(self) -> str | None:
        """What to say of a design that another version of Quantloom wrote; None if this one did."""
        here = version("quantloom")
        return None if self.made_by == here else (
            f"made by Quantloom {self.made_by}, but this is {here}: its blocks may differ; "
            "generate it again")

    @cached_property
    def dataflow(self) -> Dataflow:
        """The blocks and streams."""
        return lower(self.network, self.foldings)

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Content of design.json and the arrays beside it."""
        network, arrays = to_json(self.network)
        for layer in network["layers"]:
            if layer["name"] in self.foldings:
                layer["folding"] = self.foldings[layer["name"]]
        flow = self.dataflow
        network[INPUT]["folding"] = {"lanes": flow.streams[flow.input].shape.lanes}
        value = {
            "format": FORMAT,
            "quantloom": version("quantloom"),
            "source": self.source,
            **network,
            "clock_mhz": self.clock,
            "part": None if self.part is None else self.part.to_json(),
            "target_cycles": self.target,
            "interval_cycles": flow.interval,
            "bottleneck": flow.bottleneck.name,
            "blocks": [{
                "name": b.name, "kind": b.params.kind, "layer": b.layer,
                "inputs": list(b.inputs), "outputs": list(b.outputs),
                **({"inner": list(b.inner)} if b.inner else {}),
                "cycles": b.params.cycles, "latency": b.params.latency,
                "buffer_bits": b.params.buffer_bits,
            } for b in flow.blocks.values()],
            "streams": [{
                "name": s.name, "from": s.producer, "to": s.consumer, "tensor": s.tensor,
                "type": str(s.shape.type), "lanes": s.shape.lanes, "beats": s.shape.beats,
            } for s in flow.streams.values()],
        }  # fmt: skip
        return value, arrays

    def save(self, directory: Path) -> None:
        """Write design.json and its arrays."""
        value, arrays = self.to_json()
        (directory / "design.json").write_text(json.dumps(value, indent=1) + "\n")
        np.savez_compressed(directory / ARRAYS, allow_pickle=False, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Design:
        """The design in a directory, or in a design.json with its arrays beside it.

        Raises
        ------
        QuantloomError
            If there is none, or it is damaged or of another format.
        """
        file = design_file(path)
        if file is None:
            raise QuantloomError(f"{path}: no design there; make one with 'quantloom generate'")
        try:
            value = load_json(file)
            if not isinstance(value, dict) or value.get("format") != FORMAT:
                raise QuantloomError(f"{file}: not a Quantloom design of format {FORMAT}"
                                     f"{_maker(value)}; generate it again")
        except OSError as error:
            raise QuantloomError(f"{file}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise QuantloomError(f"{file}: cannot be read as a design: {error}") from error
        arrays = _load_arrays(file.parent / ARRAYS)
        try:
            network = from_json(value, arrays)
            return cls(network, _foldings(value), _source(value), _clock(value),
                       _part(value), _target(value), str(value.get("quantloom", "unknown")))
        except QuantloomError as error:
            raise QuantloomError(f"{file}: {error}") from error


def stored_design(path: Path, *, grid: bool) -> Design | None:
    """The design in a directory or a design.json; None for what may be a model file.

    Parameters
    ----------
    path : Path
    grid : bool
        Whether the input's grid was given, which a design has already.

    Raises
    ------
    QuantloomError
        If it was, or the design is damaged, or a directory has none.
    """
    stored = design_file(path)
    if stored is None:
        if path.is_dir():
            raise QuantloomError(f"{path}: is a directory without a design.json; give a model file")
        return None
    if grid:
        raise QuantloomError(f"{stored}: a design has its input grid; leave out --input-...")
    return Design.load(stored)


def _maker(value: Any) -> str:
    """Who wrote what cannot be read, and who cannot read it."""
    if not isinstance(value, dict) or not isinstance(value.get("quantloom"), str):
        return ""
    return (f", but of format {value.get('format')!r} by Quantloom {value['quantloom']}; this is "
            f"{version('quantloom')}")


def _part(value: Mapping[str, Any]) -> Part | None:
    part = value.get("part")
    try:
        return None if part is None else Part.from_json(part)
    except ValueError as error:
        raise QuantloomError(str(error)) from None


def _target(value: Mapping[str, Any]) -> int | None:
    target = value.get("target_cycles")
    if target is not None and (not isinstance(target, int) or isinstance(target, bool)
                               or target < 1):
        raise QuantloomError(f"target_cycles must be a whole number above 0, not {target!r}")
    return target


def _source(value: Mapping[str, Any]) -> dict[str, Any]:
    source = value.get("source", {})
    if not isinstance(source, dict) or not all(isinstance(v, str) for v in source.values()):
        raise QuantloomError(f"source must be texts by name, not {source!r}")
    return source


def _clock(value: Mapping[str, Any]) -> float:
    clock = value.get("clock_mhz", DEFAULT_CLOCK)
    if isinstance(clock, bool) or not isinstance(clock, int | float) or not 0 < clock < inf:
        raise QuantloomError(f"clock_mhz must be a number above 0, not {clock!r}")
    return float(clock)


def _load_arrays(file: Path) -> dict[str, np.ndarray]:
    try:
        return load_arrays(file)
    except OSError as error:
        raise QuantloomError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise QuantloomError(f"{file}: damaged, or not the arrays of a design; generate it "
                             "again") from error


def _foldings(value: Mapping[str, Any]) -> dict[str, Folding]:
    foldings = {}
    for entry in ({**value[INPUT], "name": INPUT}, *value["layers"]):
        if "folding" not in entry:
            continue
        folding = entry["folding"]
        if not isinstance(folding, dict) or not all(
            isinstance(v, int | str) and not isinstance(v, bool) for v in folding.values()
        ):
            raise QuantloomError(f"{entry['name']}: the folding must be whole numbers or words "
                                 f"by name, not {folding!r}")
        foldings[entry["name"]] = folding
    return foldings
