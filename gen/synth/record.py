"""What synthesis, place and route showed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...rtl_templates.resources import Resources
from ..estimate.estimate import resources_json

__all__ = ["PathStep", "Placed", "Synthesis"]


@dataclass(frozen=True)
class PathStep:
    """A step of a path.

    Parameters
    ----------
    name : str
        Net or cell.
    kind : str
        ``logic`` or ``wires``.
    delay : float
        In ns.
    """

    name: str
    kind: str
    delay: float


@dataclass(frozen=True)
class Placed:
    """Outcome of place and route.

    Parameters
    ----------
    fmax : float or None
        In MHz; None where there is no clock.
    aim : float
        Clock that was asked for, in MHz.
    path : tuple of PathStep
        The slowest path within a clock.
    used : dict of str to (int, int)
        Cells by kind: used, and there.
    tools : tuple of str
    """

    fmax: float | None
    aim: float
    path: tuple[PathStep, ...]
    used: Mapping[str, tuple[int, int]]
    tools: tuple[str, ...]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        value = {"fmax": self.fmax, "aim": self.aim, "path": [vars(step) for step in self.path],
                 "used": dict(self.used), "tools": list(self.tools)}
        file.write_text(json.dumps(value, indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> Placed:
        """What :meth:`save` wrote."""
        value = json.loads(file.read_text())
        return cls(value["fmax"], value["aim"], tuple(PathStep(**step) for step in value["path"]),
                   {kind: (used, there) for kind, (used, there) in value["used"].items()},
                   tuple(value["tools"]))

    def blocks(self, names: frozenset[str]) -> dict[str, float]:
        """Delay of the slowest path, in ns, by the block that each step belongs to."""
        found: dict[str, float] = {}
        owner = ""
        for step in self.path:
            owner = next((part for part in step.name.split(".") if part in names), owner)
            found[owner] = round(found.get(owner, 0.0) + step.delay, 3)
        return found


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Outcome of ``quantloom synth``.

    Parameters
    ----------
    target : str
        Part or board.
    part : str
    top : str
        Top module.
    resources : Resources
        After synthesis.
    blocks : dict of str to Resources
        By block; LUT sites that two blocks share are counted in both.
    available : Resources
        What the part has.
    clock : float
        That was asked for, in MHz.
    placed : Placed or None
    bitstream : str or None
        File, relative to the design's directory.
    files : dict of str to str
        What was written, by what it is, relative to the design's directory.
    tools : tuple of str
    seconds : dict of str to float
        By stage.
    notes : tuple of str
        What was not done, and why.
    """

    target: str
    part: str
    top: str
    resources: Resources
    blocks: Mapping[str, Resources]
    available: Resources
    clock: float
    placed: Placed | None = None
    bitstream: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the part holds it."""
        return self.resources.fits(self.available)

    @property
    def ok(self) -> bool:
        """Whether it fits, and is as fast as was asked for where that is known."""
        fmax = self.placed.fmax if self.placed else None
        return self.fits and (fmax is None or fmax >= self.clock)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        placed = self.placed
        return {
            "target": self.target, "part": self.part, "top": self.top,
            "resources": resources_json(self.resources),
            "available": resources_json(self.available), "fits": self.fits,
            "blocks": {name: resources_json(found) for name, found in self.blocks.items()},
            "clock_mhz": self.clock,
            "fmax_mhz": placed.fmax if placed else None,
            "critical_path": None if placed is None else {
                "blocks_ns": placed.blocks(frozenset(self.blocks)),
                "steps": [vars(step) for step in placed.path]},
            "placed": None if placed is None else {
                kind: {"used": used, "available": there}
                for kind, (used, there) in placed.used.items()},
            "bitstream": self.bitstream, "files": dict(self.files), "tools": list(self.tools),
            "seconds": dict(self.seconds), "notes": list(self.notes),
        }  # fmt: skip
