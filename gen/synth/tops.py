"""What of a design's directory is synthesised: the accelerator alone, or with its shell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...boards.board import Board, BoardError
from ...boards.board import board as find_board
from ..dataflow.graph import Dataflow
from ..errors import QuantloomError

__all__ = ["Top", "core", "shelled"]


@dataclass(frozen=True)
class Top:
    """What is synthesised.

    Parameters
    ----------
    name : str
        Top module.
    sources : tuple of Path
        Verilog files.
    core : str
        Path of the accelerator below the top, with dots; empty where it is the top.
    ports : mapping of str to str
        Resource of the board for each port; none where the ports are no pins.
    clocks : mapping of str to float
        In MHz, by port for the ECP5, by what ``create_clock`` is given for the 7-series.
    """

    name: str
    sources: tuple[Path, ...]
    core: str = ""
    ports: Mapping[str, str] = field(default_factory=dict)
    clocks: Mapping[str, float] = field(default_factory=dict)


def core(dataflow: Dataflow, directory: Path) -> Top:
    """The accelerator alone, out of context."""
    return Top(dataflow.name, (directory / "rtl" / f"{dataflow.name}.v",))


def shelled(dataflow: Dataflow, directory: Path) -> tuple[Top, Board]:
    """The accelerator with the shell that it was generated with, and the board.

    Raises
    ------
    QuantloomError
        If it has no shell or was generated for no board; the text says what to do.
    """
    file = directory / "shell" / "registers.json"
    remedy = "give --part, or generate it again with --board"
    try:
        value = json.loads(file.read_text())
        top = Top(value["top"], tuple(directory / "rtl" / f"{name}.v"
                                      for name in (dataflow.name, value["top"])),
                  value["core"], value["pins"], value["clocks"])
        source = value["board"]
    except FileNotFoundError:
        raise QuantloomError(f"{directory}: was generated without a shell: {remedy}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QuantloomError(f"{file}: cannot be read as a shell's description: {error}") from error
    if source is None:
        raise QuantloomError(f"{directory}: its shell was generated for no board: {remedy}")
    try:
        return top, find_board(source)
    except BoardError as error:
        raise QuantloomError(str(error)) from None
