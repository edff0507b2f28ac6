"""Boards: what part they carry, their pins and clocks, and how a host reaches them.

A board is a class of amaranth-boards, or one written in the same form: so is a user's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .parts import Part, part

__all__ = ["BOARDS", "Board", "BoardError", "board"]


class BoardError(ValueError):
    """A board that is not known, or whose file lacks something; the text says what."""


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
    title : str
    source : str
        ``module:class`` of its platform in amaranth-boards' form, or ``file:class``.
    """

    name: str
    title: str
    source: str

    @cached_property
    def platform(self) -> type[Any]:
        """Platform class: device, package, speed, default clock, resources.

        Raises
        ------
        BoardError
            If it cannot be loaded.
        """
        place, _, name = self.source.rpartition(":")
        try:
            return getattr(importlib.import_module(place), name)  # type: ignore[no-any-return]
        except (ImportError, AttributeError) as error:
            raise BoardError(f"{self.title}: its description {self.source} cannot be loaded "
                             f"({error}): run 'pip install amaranth-boards'") from error

    @property
    def part(self) -> Part:
        """The part that it carries."""
        try:
            return part(self.platform.device)
        except ValueError as error:
            raise BoardError(f"{self.title}: {error}") from None

    @property
    def host(self) -> str:
        """How a host reaches it: ``zynq`` (processors on the part) or ``serial``."""
        return "zynq" if self.part.family.startswith("Zynq") else "serial"

    def pins(self, resource: str) -> Any:
        """A resource of the board, number 0.

        Raises
        ------
        BoardError
            If it has none of that name; the text says what to add.
        """
        for found in self.platform.resources:
            if (found.name, found.number) == (resource, 0):
                return found
        raise BoardError(f"{self.title}: has no pins for '{resource}'; add a resource of that name "
                         f"to {self.source}")


def _boards(*boards: Board) -> dict[str, Board]:
    return {board.name: board for board in boards}


_OWN = __package__

BOARDS = _boards(
    Board("zybo-z7-10", "Digilent Zybo Z7-10", f"{_OWN}.zybo:ZyboZ7_10Platform"),
    Board("zybo", "Digilent Zybo", f"{_OWN}.zybo:ZyboPlatform"),
    Board("pynq-z2", "TUL PYNQ-Z2", f"{_OWN}.pynq_z2:PynqZ2Platform"),
    Board("arty-z7-20", "Digilent Arty Z7-20", "amaranth_boards.arty_z7:ArtyZ720Platform"),
    Board("cora-z7-10", "Digilent Cora Z7-10", "amaranth_boards.cora_z7:CoraZ7_10Platform"),
    Board("ulx3s-85f", "Radiona ULX3S 85F", "amaranth_boards.ulx3s:ULX3S_85F_Platform"),
    Board("colorlight-i9", "Colorlight i9 v7.2 on its extension board",
          f"{_OWN}.colorlight_i9:ColorlightI9Platform"),
)
"""Boards by name."""


def board(name: str) -> Board:
    """The board of a name, or that of ``FILE.py`` or ``FILE.py:CLASS``.

    A file is run: give only one that you trust.

    Raises
    ------
    BoardError
        If there is none; the text lists the names. If a file lacks a platform class, or what one
        must have.
    """
    found = BOARDS.get(name.lower())
    if found is not None:
        return found
    place, _, wanted = name.partition(".py")
    if not _ or not (path := Path(place + ".py")).is_file():
        raise BoardError(f"Board must be one of {', '.join(BOARDS)}, or a file in the form of "
                         f"amaranth-boards, not {name!r}")
    return _from_file(path, wanted.removeprefix(":"))


def _from_file(path: Path, wanted: str) -> Board:
    spec = importlib.util.spec_from_file_location(f"quantloom_board_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is a program of the user's
        raise BoardError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    platforms = {key: value for key, value in vars(module).items() if inspect.isclass(value)
                 and value.__module__ == module.__name__ and hasattr(value, "resources")
                 and isinstance(getattr(value, "device", None), str)}
    if wanted and wanted not in platforms:
        raise BoardError(f"{path}: has no platform class {wanted!r} with a device; it has "
                         f"{', '.join(platforms) or 'none'}")
    if not wanted and len(platforms) != 1:
        raise BoardError(f"{path}: must have one platform class with a device, not "
                         f"{', '.join(platforms) or 'none'}; name it as {path}:CLASS")
    name = wanted or next(iter(platforms))
    missing = [key for key in ("package", "speed", "default_clk")
               if not isinstance(getattr(platforms[name], key, None), str)]
    if missing:
        raise BoardError(f"{path}: {name} lacks {', '.join(missing)}")
    made = Board(path.stem, name, f"{path.absolute()}:{name}")
    made.__dict__["platform"] = platforms[name]
    return made
