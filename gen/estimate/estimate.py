"""The estimate of a design, block by block and in total."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from ...boards.parts import Part
from ...boards.parts import part as find_part
from ...rtl_templates.resources import Resources
from ..dataflow.graph import Dataflow
from ..design import Design
from ..errors import QuantloomError
from .activity import Activity, load_activity
from .latency import first_latency
from .power import Power, power_of
from .resources import blocks_resources, dataflow_resources
from .timing import Speed, delays, speeds, stored_fit
from .traffic import Traffic, traffic

__all__ = ["BlockEstimate", "Estimate", "capacity_json", "estimate", "resources_json"]


@dataclass(frozen=True)
class BlockEstimate:
    """A block of the dataflow.

    Parameters
    ----------
    name, kind, layer : str
    resources : Resources
    cycles : int
        A frame, if nothing else held it up.
    speed : Speed
        Highest clock, and the path that sets it.
    """

    name: str
    kind: str
    layer: str
    resources: Resources
    cycles: int
    speed: Speed

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "kind": self.kind, "layer": self.layer,
                "resources": resources_json(self.resources), "cycles": self.cycles,
                "fmax_mhz": round(self.speed.mhz, 1), "path": str(self.speed.path)}


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a design takes and gives.

    Parameters
    ----------
    dataflow : Dataflow
    part : Part or None
        What it is for.
    clock : float
        In MHz.
    blocks : tuple of BlockEstimate
        In topological order.
    latency_cycles : int
        From the first input beat of a frame to its last output beat.
    traffic : Traffic
    power : Power or None
        None without a part, or where there are no public figures for it.
    """

    dataflow: Dataflow
    part: Part | None
    clock: float
    blocks: tuple[BlockEstimate, ...]
    latency_cycles: int
    traffic: Traffic
    power: Power | None = None

    @cached_property
    def resources(self) -> Resources:
        """What the blocks take together, DSPs that they share counted whole."""
        return dataflow_resources(self.dataflow, family_of(self.part))

    @property
    def slowest(self) -> BlockEstimate:
        """The block that limits the clock."""
        return min(self.blocks, key=lambda block: block.speed.mhz)

    @property
    def fmax_mhz(self) -> float:
        """Highest clock."""
        return self.slowest.speed.mhz

    def _clock_json(self) -> dict[str, Any]:
        """The clock, what limits it, and how far estimates were from placed designs."""
        slowest, judged = self.slowest, stored_fit()["held_out"]
        result = {"fmax_mhz": round(self.fmax_mhz, 1), "slowest_block": slowest.name,
                  "path": str(slowest.speed.path), "placed": delays(family_of(self.part)).placed}
        if result["placed"]:
            result["error"] = {key: value for key, value in judged.items() if key != "lines"}
        return result

    @property
    def images_per_second(self) -> float:
        """In the steady state, at the clock."""
        return self.clock * 1e6 / self.dataflow.interval

    @property
    def misses(self) -> tuple[str, ...]:
        """What the part does not hold, and a clock that the design does not reach, in words."""
        found = []
        if self.part is not None:
            used, whole = resources_json(self.resources), capacity_json(self.part)
            found += [f"{used[key]:,g} {name} are more than the {whole[key]:,g} of "
                      f"{self.part.name}" for key, name in NAMES.items() if used[key] > whole[key]]
        if self.clock > self.fmax_mhz:
            found.append(f"{self.clock:g} MHz are more than the {self.fmax_mhz:.0f} MHz that the "
                         "design is estimated to reach")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        flow = self.dataflow
        value: dict[str, Any] = {
            "name": flow.name, "part": self.part.name if self.part else None,
            "clock_mhz": self.clock,
            "fmax_mhz": round(self.fmax_mhz, 1), "clock": self._clock_json(),
            "interval_cycles": flow.interval, "bottleneck": flow.bottleneck.name,
            "images_per_second": self.images_per_second,
            "latency_cycles": self.latency_cycles,
            "latency_us": self.latency_cycles / self.clock,
            "total": {"resources": resources_json(self.resources)},
            "blocks": [block.to_json() for block in self.blocks],
            "traffic": self.traffic.to_json(self.images_per_second),
            "misses": list(self.misses),
        }  # fmt: skip
        if self.part is not None:
            value["capacity"] = capacity_json(self.part)
        value["power"] = self.power.to_json() if self.power is not None else None
        return value


NAMES = {"lut": "LUT sites", "ff": "flip-flops", "bram36": "BRAM36", "dsp": "DSP"}
"""What the keys of :func:`resources_json` count."""


def family_of(part: Part | None) -> str:
    """Whose areas are estimated for a part; without one those of the 7-series."""
    return part.architecture if part else "xc7"


def resources_json(resources: Resources) -> dict[str, float]:
    """LUT sites, flip-flops and DSPs rounded up, as where a design must fit a part; block RAMs of
    36 kbit in halves."""
    return {"lut": ceil(resources.lut), "ff": ceil(resources.ff),
            "bram36": resources.bram18 / 2, "dsp": ceil(resources.dsp)}


def capacity_json(part: Part) -> dict[str, float]:
    """What a part holds, by the keys of :func:`resources_json`."""
    return {"lut": part.luts, "ff": part.ffs, "bram36": part.bram36, "dsp": part.dsp}


def estimate(design: Design | str | Path, part: Part | str | None = None,
             activity: Activity | None = None) -> Estimate:
    """The estimate of a design.

    Parameters
    ----------
    design : Design or path
        A design, or the directory of one, or its design.json.
    part : Part, str or None
        None: the one that the design was made for; if there is none, the areas are those of the
        7-series.
    activity : Activity or None
        As a simulation of the design's Verilog counted it. None: the directory's, if the design
        is given as one and holds any; else default rates for the power.

    Raises
    ------
    QuantloomError
        If there is no such design, or no such part: the text lists the parts.
    """
    if not isinstance(design, Design):
        path = Path(design)
        design = Design.load(path)
        if activity is None:
            activity = load_activity(path if path.is_dir() else path.parent)
    part = design.part if part is None else part
    if isinstance(part, str):
        try:
            part = find_part(part)
        except ValueError as problem:
            raise QuantloomError(str(problem)) from None
    flow = design.dataflow
    areas = blocks_resources(flow, family_of(part))
    fastest = speeds(flow, delays(family_of(part)))
    blocks = tuple(
        BlockEstimate(block.name, block.params.kind, block.layer, areas[block.name],
                      block.params.cycles, fastest[block.name]) for block in flow.blocks.values())
    return Estimate(flow, part, design.clock, blocks, first_latency(flow), traffic(flow),
                    power_of(flow, {b.name: b.resources for b in blocks}, part, design.clock,
                             activity))
