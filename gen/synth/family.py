"""What synthesis differs in from family to family."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from ...rtl_templates.resources import Resources
from .netlist import Netlist

__all__ = ["Family"]


class Family(Protocol):
    """Synthesis for one family of parts with Yosys."""

    name: str
    """As :attr:`.Part.architecture`: ``xc7``, ``ecp5``."""

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
