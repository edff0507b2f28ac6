"""What a netlist is made for, as plain data: a part, or a board that carries it, and its pins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .board import Board, BoardError
from .parts import Part

__all__ = ["Pin", "Target", "pins_of"]


@dataclass(frozen=True)
class Target:
    """A part, in the package of a board or in any.

    Parameters
    ----------
    name : str
        Of the board, or else of the part; a folder in ``build/`` has it.
    title : str
    part : Part
    package, speed : str or None
        As amaranth-boards names them; None without a board: there are no pins then.
    """

    name: str
    title: str
    part: Part
    package: str | None = None
    speed: str | None = None

    @classmethod
    def of_part(cls, part: Part) -> Target:
        """The part alone."""
        return cls(part.name.lower(), part.name, part)

    @classmethod
    def of_board(cls, board: Board) -> Target:
        """A board.

        Raises
        ------
        BoardError
            If its description cannot be loaded.
        """
        platform = board.platform
        return cls(board.name, board.title, board.part, platform.package, platform.speed)

    @property
    def pinned(self) -> bool:
        """Whether it has pins."""
        return self.package is not None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "title": self.title, "part": self.part.to_json(),
                "package": self.package, "speed": self.speed}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Target:
        """What :meth:`to_json` gave; KeyError, TypeError or ValueError if it is something else."""
        name, title, package, speed = (
            str(value[key]) for key in ("name", "title", "package", "speed"))
        if name in ("", ".", "..") or "/" in name:
            raise ValueError(f"{name!r} is no name of a board")
        return cls(name, title, Part.from_json(value["part"]), package, speed)


@dataclass(frozen=True)
class Pin:
    """A port at a pin.

    Parameters
    ----------
    port : str
    pin : str
        Of the package.
    attributes : mapping of str to str
    """

    port: str
    pin: str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"port": self.port, "pin": self.pin, "attributes": dict(self.attributes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Pin:
        """What :meth:`to_json` gave."""
        return cls(str(value["port"]), str(value["pin"]),
                   {str(key): str(text) for key, text in value["attributes"].items()})


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
    found = []
    for port, text in ports.items():
        name, _, inner = text.partition(".")
        resource = board.pins(name)
        ios, attributes = resource.ios[0], dict(resource.attrs)
        if inner:
            part = next((io for io in resource.ios if getattr(io, "name", None) == inner), None)
            if part is None:
                raise BoardError(f"{board.title}: its resource '{name}' has no '{inner}'")
            ios, attributes = part.ios[0], attributes | dict(part.attrs)
        found.append(Pin(port, ios.names[0], {k: str(value) for k, value in attributes.items()}))
    return found
