"""Power and energy of a design in the programmable logic, as ranges.

Static power is the part's, by temperature and process. Dynamic power is a sum over classes:
how many there are, times how often they switch in a cycle, times their energy, times the clock.

=============  ==============================================  ================================
class          count                                           switches
=============  ==============================================  ================================
``clock``      flip-flops                                      in every cycle
``register``   flip-flops, each with its net                   as the block's registers
``logic``      LUT sites, each with its net, with glitches     as the block's expressions
``block_ram``  RAMB36E1                                        as its block RAMs are accessed
``dsp``        DSP48E1                                         as its products, else registers
``stream``     payload and handshake bits, one net more        as the stream
=============  ==============================================  ================================

Pins are not in it: the streams stay inside the chip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any

from ...boards.parts import Part
from ...rtl_templates.resources import Resources
from ..dataflow.graph import Dataflow
from ..errors import QuantloomError
from .activity import Activity
from .power_table import (
    DEFAULTS,
    ENERGIES,
    LEAKAGE_PER_KELVIN,
    MAXIMUM_PROCESS,
    PROCESSING_SYSTEM,
    STATIC,
)
from .ranges import Range

__all__ = ["DYNAMIC", "PROCESSES", "BlockPower", "Power", "power", "power_of"]

DYNAMIC = ("clock", "register", "logic", "block_ram", "dsp", "stream")
"""Classes of dynamic power."""

PROCESSES = ("typical", "maximum")
"""Typical parts, and the worst ones."""


@dataclass(frozen=True)
class BlockPower:
    """Dynamic power of a block.

    Parameters
    ----------
    watts : mapping of str to Range
        By class, those of which it has nothing left out.
    activity : mapping of str to str
        By class, ``measured`` or ``default``; the clock needs none.
    """

    watts: Mapping[str, Range]
    activity: Mapping[str, str]

    @property
    def total(self) -> Range:
        """Over the classes, in W."""
        return Range.sum(self.watts.values())

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"dynamic_w": self.total.to_json(),
                "classes": {kind: {**watts.to_json(),
                                   **({"activity": self.activity[kind]}
                                      if kind in self.activity else {})}
                            for kind, watts in self.watts.items()}}


@dataclass(frozen=True)
class Power:
    """Power of a design.

    Parameters
    ----------
    part : str
    clock : float
        In MHz.
    interval : int
        Cycles a frame.
    temperature : float
        Of the junction, in degrees Celsius.
    process : str
        One of :data:`PROCESSES`.
    static : Range
        Of the programmable logic, in W.
    blocks : mapping of str to BlockPower
    processing_system : Range or None
        Of a Zynq's processors and memory interface, in W; in no other number here.
    sources : mapping of str to str
        Where the static power and that of the processing system come from.
    """

    part: str
    clock: float
    interval: int
    temperature: float
    process: str
    static: Range
    blocks: Mapping[str, BlockPower]
    processing_system: Range | None
    sources: Mapping[str, str]

    @property
    def dynamic(self) -> dict[str, Range]:
        """By class, over all blocks, in W."""
        return {kind: Range.sum(block.watts[kind] for block in self.blocks.values()
                                if kind in block.watts)
                for kind in DYNAMIC if any(kind in b.watts for b in self.blocks.values())}

    @property
    def total(self) -> Range:
        """Of the programmable logic, in W."""
        return self.static + Range.sum(self.dynamic.values())

    @property
    def chip(self) -> Range | None:
        """The processing system with it, in W; None where the part has none."""
        return self.total + self.processing_system if self.processing_system else None

    @property
    def energy(self) -> Range:
        """Of the programmable logic for a frame, in mJ: power times interval."""
        return self.total * (1e3 * self.interval / (self.clock * 1e6))

    @property
    def activity(self) -> str:
        """``measured``, ``default`` or, where some of it was not counted, ``partly default``."""
        marks = {mark for block in self.blocks.values() for mark in block.activity.values()}
        return "partly default" if len(marks) > 1 else min(marks, default="default")

    def to_json(self) -> dict[str, Any]:
        """Plain data; watts and millijoules as low, typical and high."""
        defaults = sorted({kind for block in self.blocks.values()
                           for kind, mark in block.activity.items() if mark == "default"},
                          key=DYNAMIC.index)
        return {
            "part": self.part, "clock_mhz": self.clock, "interval_cycles": self.interval,
            "junction_celsius": self.temperature, "process": self.process,
            "activity": self.activity,
            "default_rates": {
                kind: {rate: {**DEFAULTS[rate].value.to_json(), "unit": DEFAULTS[rate].unit,
                              "source": DEFAULTS[rate].source} for rate in _RATES[kind]}
                for kind in defaults},
            "static_w": self.static.to_json(),
            "dynamic_w": {**{kind: watts.to_json() for kind, watts in self.dynamic.items()},
                          "total": Range.sum(self.dynamic.values()).to_json()},
            "total_w": self.total.to_json(),
            "energy_mj": self.energy.to_json(),
            "processing_system_w": self.processing_system.to_json()
            if self.processing_system else None,
            "chip_w": self.chip.to_json() if self.chip else None,
            "blocks": {name: block.to_json() for name, block in self.blocks.items()},
            "sources": dict(self.sources),
        }  # fmt: skip


# Rates that a class takes, by the names of the defaults.
_RATES = {"register": ("register",), "logic": ("logic",), "block_ram": ("accesses",),
          "dsp": ("register",), "stream": ("payload", "handshake")}


def power(blocks: Mapping[str, Resources], part: Part, clock: float, interval: int,
          activity: Activity | None = None, *, streams: Mapping[str, tuple[int, int]] | None = None,
          temperature: float = 25.0, process: str = "typical") -> Power:
    """Power of a design.

    Parameters
    ----------
    blocks : mapping of str to Resources
        What each block takes.
    part : Part
    clock : float
        In MHz.
    interval : int
        Cycles a frame.
    activity : Activity or None
        As counted by a simulation of this design's Verilog; what it has nothing of is taken from
        :data:`~quantloom.gen.estimate.power_table.DEFAULTS` and marked.
    streams : mapping of str to (int, int), or None
        Payload and handshake bits of the streams that a block produces.
    temperature : float
        Of the junction, in degrees Celsius, -40 to 125.
    process : str
        ``typical`` or ``maximum``.

    Raises
    ------
    QuantloomError
        If the part has no public figures.
    ValueError
        If a number is out of its range, or the process none of these.
    """
    if part.name not in STATIC:
        raise QuantloomError(f"the power of {part.name} is unknown: there is no public figure; "
                             f"it is known for {', '.join(STATIC)}")
    if not (isfinite(clock) and clock > 0):
        raise ValueError(f"clock must be above 0 MHz, not {clock!r}")
    if interval < 1:
        raise ValueError(f"interval must be a cycle or more, not {interval!r}")
    if not -40 <= temperature <= 125:
        raise ValueError(f"temperature must be from -40 to 125 degrees, not {temperature!r}")
    if process not in PROCESSES:
        raise ValueError(f"process must be one of {', '.join(PROCESSES)}, not {process!r}")
    sources = {"static": STATIC[part.name].source}
    system = None
    if part.family == "Zynq-7000":
        system, sources["processing_system"] = PROCESSING_SYSTEM.value, PROCESSING_SYSTEM.source
    return Power(
        part.name, clock, interval, temperature, process,
        _static(part.name, temperature, process),
        {name: _block(name, resources, (streams or {}).get(name, (0, 0)), clock, activity)
         for name, resources in blocks.items()},
        system, sources)


def power_of(dataflow: Dataflow, blocks: Mapping[str, Resources], part: Part | None,
             clock: float, activity: Activity | None = None) -> Power | None:
    """Power of a dataflow at 25 degrees; None without a part, or if there are no figures for it.

    Parameters
    ----------
    dataflow : Dataflow
    blocks : mapping of str to Resources
        What each of its blocks takes.
    part : Part or None
    clock : float
        In MHz.
    activity : Activity or None

    Raises
    ------
    QuantloomError
        If the activity is that of another design.
    """
    if part is None or part.name not in STATIC:
        return None
    if activity is not None and activity.blocks.keys() != dataflow.blocks.keys():
        raise QuantloomError(f"{dataflow.name}: the activity was counted on another design "
                             f"({activity.design}): its blocks differ")
    return power(blocks, part, clock, dataflow.interval, activity,
                 streams=_stream_bits(dataflow))


def _stream_bits(dataflow: Dataflow) -> dict[str, tuple[int, int]]:
    """Payload and handshake bits of the streams that each block produces.

    Those of the input belong to the block that takes it.
    """
    bits = {}
    for name, block in dataflow.blocks.items():
        own = [*block.outputs, *(s for s in block.inputs if s == dataflow.input)]
        bits[name] = sum(dataflow.streams[s].shape.width for s in own), 2 * len(own)
    return bits


def _static(part: str, temperature: float, process: str) -> Range:
    row, growth = STATIC[part], LEAKAGE_PER_KELVIN.value
    # Below 25 degrees the slowest growth leaves the most.
    low, typical, high = sorted(exp(k * (temperature - 25))
                                for k in (growth.low, growth.typical, growth.high))
    leakage = Range(low, typical, high) * row.leakage
    if process == "maximum":
        leakage *= MAXIMUM_PROCESS.value
    return (Range.exactly(row.fixed) + leakage) * Range(row.low, 1.0, row.high)


def _block(name: str, resources: Resources, streams: tuple[int, int], clock: float,
           activity: Activity | None) -> BlockPower:
    marks: dict[str, str] = {}

    def rate(kind: str, *classes: str) -> Range:
        """Toggles a cycle by the first class that was counted, else the default of the last."""
        for found in classes:
            counted = None if activity is None else (
                activity.accesses(name) if found == "accesses" else activity.rate(name, found))
            if counted is not None:
                marks.setdefault(kind, "measured")
                return Range.exactly(counted)
        marks[kind] = "default"
        return DEFAULTS[classes[-1]].value

    energy = {kind: row.value for kind, row in ENERGIES.items()}
    picojoules: dict[str, Range] = {}
    if resources.ff > 0:
        picojoules["clock"] = energy["clock"] * resources.ff
        picojoules["register"] = \
            (energy["register"] + energy["net"]) * rate("register", "register") * resources.ff
    if resources.lut > 0:
        picojoules["logic"] = (energy["lut"] + energy["net"]) * energy["glitch"] \
            * rate("logic", "logic") * resources.lut
    if resources.bram18 > 0:
        picojoules["block_ram"] = \
            energy["block_ram"] * rate("block_ram", "accesses") * (resources.bram18 / 2)
    if resources.dsp > 0:
        picojoules["dsp"] = energy["dsp"] * rate("dsp", "product", "register") * resources.dsp
    payload, handshake = streams
    if payload > 0:
        picojoules["stream"] = energy["net"] * (rate("stream", "payload") * payload
                                                + rate("stream", "handshake") * handshake)
    # A picojoule in every cycle of a clock of 1 MHz is a microwatt.
    return BlockPower({kind: value * (clock * 1e-6) for kind, value in picojoules.items()}, marks)
