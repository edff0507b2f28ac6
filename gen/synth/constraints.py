"""Pins and clocks in the languages of the placers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...boards.board import Board, BoardError

__all__ = ["Pin", "lpf", "pins_of", "xdc"]

Pin = tuple[str, str, Mapping[str, str]]
"""Port, pin of the package, attributes."""


def pins_of(board: Board, ports: Mapping[str, str]) -> list[Pin]:
    """Pins of a top module's ports.

    Parameters
    ----------
    board : Board
    ports : mapping of str to str
        Resource of each port, ``uart.rx`` where a part of one is meant.

    Raises
    ------
    BoardError
        If the board has no such resource.
    """
    found: list[Pin] = []
    for port, text in ports.items():
        name, _, inner = text.partition(".")
        resource = board.pins(name)
        ios, attributes = resource.ios[0], dict(resource.attrs)
        if inner:
            part = next((io for io in resource.ios if getattr(io, "name", None) == inner), None)
            if part is None:
                raise BoardError(f"{board.title}: its resource '{name}' has no '{inner}'")
            ios, attributes = part.ios[0], attributes | dict(part.attrs)
        found.append((port, ios.names[0], attributes))
    return found


def lpf(pins: list[Pin], clocks: Mapping[str, float]) -> str:
    """Constraints for the ECP5; clocks in MHz, by port."""
    return "\n".join([
        *(f'FREQUENCY PORT "{port}" {mhz:g} MHZ;' for port, mhz in clocks.items()),
        *(line for port, pin, attributes in pins
          for line in (f'LOCATE COMP "{port}" SITE "{pin}";', f'IOBUF PORT "{port}" '
                       + " ".join(f"{k}={v}" for k, v in _plain(attributes)) + ";")),
    ]) + "\n"  # fmt: skip


def xdc(pins: list[Pin], clocks: Mapping[str, float]) -> str:
    """Constraints for the 7-series; clocks in MHz, by what ``create_clock`` is given."""
    return "\n".join([
        *(f"create_clock -name {target.split()[-1].strip('[]')} -period {1000 / mhz:.3f} [{target}]"
          for target, mhz in clocks.items()),
        *(line for port, pin, attributes in pins
          for line in (f"set_property PACKAGE_PIN {pin} [get_ports {port}]",
                       *(f"set_property {k} {v} [get_ports {port}]"
                         for k, v in _plain(attributes)))),
    ]) + "\n"  # fmt: skip


def _plain(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((key, str(value)) for key, value in attributes.items())
