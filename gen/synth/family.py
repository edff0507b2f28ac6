"""What synthesis, place and route differ in from family to family."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...boards.target import Pin, Target
from ...rtl_templates.resources import Resources
from .netlist import Netlist
from .record import Placed

__all__ = ["Family", "Job", "NotPlaced", "Placement", "place_script"]


@dataclass(frozen=True)
class Job:
    """A netlist to be placed and routed.

    Parameters
    ----------
    directory : Path
        Holds the files below, and receives the results.
    name : str
        Top module; results are named after it.
    netlist, constraints : str
        Files.
    target : Target
    clock : float
        In MHz, aimed at; missing it is no error.
    seed : int
    """

    directory: Path
    name: str
    netlist: str
    constraints: str
    target: Target
    clock: float
    seed: int


@dataclass(frozen=True)
class Placement:
    """Place and route as it would be run.

    Parameters
    ----------
    work : callable
        Does it.
    bitstream : str or None
        File that it writes, None where there are no pins.
    settings : tuple of str
        What decides on the result besides the netlist and the constraints.
    note : str or None
        What is to be known of the result.
    """

    work: Callable[[], Placed]
    bitstream: str | None
    settings: tuple[str, ...]
    note: str | None = None


class NotPlaced(Exception):
    """Why a netlist is left as it is."""


class Family(Protocol):
    """Synthesis, place and route for one family of parts with open tools."""

    name: str
    """As :attr:`.Part.architecture`: ``xc7``, ``ecp5``."""

    constraints_suffix: str

    placers: str
    """Programs that :meth:`recipe` runs, and the environment variables that it reads."""

    wraps: bool
    """Whether a design without pins is placed behind shift registers; see :mod:`.wrapper`."""

    def script(self, sources: Sequence[str], top: str, *, pads: bool) -> list[str]:
        """Yosys commands from Verilog to a netlist.

        They write ``<top>.json`` and ``<top>_netlist.v``.

        Parameters
        ----------
        sources : sequence of str
            Verilog files.
        top : str
        pads : bool
            Whether the ports are pins, and get buffers.
        """

    def count(self, netlist: Netlist, only: Collection[str] | None = None) -> Resources:
        """What a netlist takes, or some of its cells."""

    def constraints(self, pins: Sequence[Pin], clocks: Mapping[str, float]) -> str:
        """Constraints file; clocks in MHz, as :class:`.Top` has them."""

    def placement(self, job: Job) -> Placement:
        """How a netlist is placed here.

        Raises
        ------
        NotPlaced
            If it cannot be, with the reason.
        """

    def recipe(self, job: Job) -> str:
        """Lines of a shell script that do the same, to be run in :attr:`Job.directory`."""


def place_script(family: Family, job: Job) -> str:
    """Shell script from the netlist to the bitstream, to be run beside the netlist."""
    return f"#!/bin/sh\n# Place, route and bitstream with {family.placers}.\nset -eu\n" + (
        family.recipe(job))
