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
from .resources import block_resources, dataflow_resources

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
    """

    name: str
    kind: str
    layer: str
    resources: Resources
    cycles: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "kind": self.kind, "layer": self.layer,
                "resources": resources_json(self.resources), "cycles": self.cycles}


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
        """What the blocks take together, DSPs that they share counted whole."""
        return dataflow_resources(self.dataflow, family_of(self.part))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        flow = self.dataflow
        return {
            "name": flow.name, "part": self.part.name if self.part else None,
            "clock_mhz": self.clock,
            "interval_cycles": flow.interval, "bottleneck": flow.bottleneck.name,
            "images_per_second": self.clock * 1e6 / flow.interval,
            "total": {"resources": resources_json(self.resources)},
            "blocks": [block.to_json() for block in self.blocks],
            "power": self.power.to_json() if self.power else None,
        }  # fmt: skip


def family_of(part: Part | None) -> str:
    """Whose areas are estimated for a part; without one those of the 7-series."""
    return part.architecture if part else "xc7"


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
    blocks = tuple(
        BlockEstimate(block.name, block.params.kind, block.layer,
                      block_resources(block.params, family_of(part)), block.params.cycles)
        for block in flow.blocks.values())
    return Estimate(flow, part, design.clock, blocks,
                    power_of(flow, {b.name: b.resources for b in blocks}, part, design.clock,
                             activity))
