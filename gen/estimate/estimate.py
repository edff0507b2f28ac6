"""The estimate of a design, block by block and in total."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...boards.parts import Part
from ...rtl_templates.resources import Resources
from ..dataflow.graph import Dataflow
from ..design import Design
from .activity import Activity
from .power import Power, power_of
from .resources import block_resources
from .timing import Speed, delays, speeds, stored_fit

__all__ = ["BlockEstimate", "Estimate", "estimate"]


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
    power : Power or None
        None without a part, or where there are no public figures for it.
    """

    dataflow: Dataflow
    part: Part | None
    clock: float
    blocks: tuple[BlockEstimate, ...]
    power: Power | None = None

    @property
    def resources(self) -> Resources:
        """The sum over the blocks."""
        return sum((block.resources for block in self.blocks), Resources())

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
                  "path": str(slowest.speed.path), "placed": delays(_family(self.part)).placed}
        if result["placed"]:
            result["error"] = {key: value for key, value in judged.items() if key != "lines"}
        return result

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        flow = self.dataflow
        return {
            "name": flow.name, "part": self.part.name if self.part else None,
            "clock_mhz": self.clock,
            "clock": self._clock_json(),
            "interval_cycles": flow.interval, "bottleneck": flow.bottleneck.name,
            "images_per_second": self.clock * 1e6 / flow.interval,
            "total": {"resources": resources_json(self.resources)},
            "blocks": [block.to_json() for block in self.blocks],
            "power": self.power.to_json() if self.power else None,
        }  # fmt: skip


def _family(part: Part | None) -> str:
    """As Yosys names it."""
    return "ecp5" if part is not None and part.family == "ECP5" else "xc7"


def resources_json(resources: Resources) -> dict[str, float]:
    """Whole LUT sites, flip-flops and DSPs; block RAMs of 36 kbit in halves."""
    return {"lut": round(resources.lut), "ff": round(resources.ff),
            "bram36": resources.bram18 / 2, "dsp": round(resources.dsp)}


def estimate(design: Design, part: Part | None = None,
             activity: Activity | None = None) -> Estimate:
    """The estimate of a design.

    Parameters
    ----------
    design : Design
    part : Part or None
        None: its areas are those of the 7-series.
    activity : Activity or None
        As a simulation of the design's Verilog counted it; None takes default rates for the power.
    """
    flow = design.dataflow
    fastest = speeds(flow, delays(_family(part)))
    blocks = tuple(
        BlockEstimate(block.name, block.params.kind, block.layer, block_resources(block.params),
                      block.params.cycles, fastest[block.name]) for block in flow.blocks.values())
    return Estimate(flow, part, design.clock, blocks,
                    power_of(flow, {b.name: b.resources for b in blocks}, part, design.clock,
                             activity))
