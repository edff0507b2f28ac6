"""What of a design's directory is synthesised: the accelerator alone, or with its shell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...boards.target import Pin, Target
from ..dataflow.graph import Dataflow
from ..errors import QuantloomError
from ..stored import load_json

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
    pins : tuple of Pin
        None where the ports are no pins.
    clocks : mapping of str to float
        In MHz, by port, or on the 7-series by what ``create_clock`` is given.
    """

    name: str
    sources: tuple[Path, ...]
    core: str = ""
    pins: tuple[Pin, ...] = ()
    clocks: Mapping[str, float] = field(default_factory=dict)


def core(dataflow: Dataflow, directory: Path) -> Top:
    """The accelerator alone, out of context."""
    return Top(dataflow.name, (directory / "rtl" / f"{dataflow.name}.v",))


def shelled(dataflow: Dataflow, directory: Path) -> tuple[Top, Target] | None:
    """The accelerator with the shell that it was generated with, and the board.

    None if it was generated without a shell, or for no board. Everything comes from
    ``shell/registers.json``: a board's own file is not run again.

    Raises
    ------
    QuantloomError
        If that file is damaged.
    """
    file = directory / "shell" / "registers.json"
    try:
        value = load_json(file)
        if value["board"] is None:
            return None
        name = str(value["top"])
        if not re.fullmatch(r"\w+", name):
            raise ValueError(f"{name!r} is no name of a module")
        sources = tuple(directory / "rtl" / f"{top}.v" for top in (dataflow.name, name))
        pins = tuple(Pin.from_json(pin) for pin in value["pins"])
        clocks = {str(clock): float(mhz) for clock, mhz in value["clocks"].items()}
        return (Top(name, sources, str(value["core"]), pins, clocks),
                Target.from_json(value["board"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise QuantloomError(f"{file}: cannot be read as a shell's description: {error}; generate "
                             "the design again") from error
