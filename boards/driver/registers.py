"""Registers by name, as the design's own ``shell/registers.json`` describes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...gen.errors import QuantloomError
from ...gen.stored import load_json
from .map_check import map_problem
from .transport import Transport

__all__ = ["Registers", "read_map"]

FORMAT = 1
"""Of registers.json, as this driver reads it."""


def read_map(directory: Path) -> dict[str, Any]:
    """Content of ``shell/registers.json`` of an output directory.

    Raises
    ------
    QuantloomError
        If the directory has no shell, or the file is damaged or of another format.
    """
    file = directory / "shell" / "registers.json"
    try:
        value = load_json(file)
    except FileNotFoundError:
        raise QuantloomError(f"{directory}: has no shell; make one with 'quantloom generate "
                             "... --shell zynq'") from None
    except (OSError, ValueError) as error:
        raise QuantloomError(f"{file}: cannot be read: {error}") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise QuantloomError(f"{file}: not a register map of format {FORMAT}; generate the design "
                             "again")
    if problem := map_problem(value):
        raise QuantloomError(f"{file}: damaged: {problem}; generate the design again")
    return value


class Registers:
    """Fields of registers by name.

    Parameters
    ----------
    transport : Transport
    described : mapping
        What :func:`read_map` gives.
    """

    def __init__(self, transport: Transport, described: Mapping[str, Any]):
        self.transport = transport
        self._registers = {register["name"]: register for register in described["registers"]}

    def read(self, name: str) -> int:
        """A register's word."""
        return self.transport.read32(self._registers[name]["offset"])

    def fields(self, name: str) -> dict[str, int]:
        """A register's fields."""
        word = self.read(name)
        return {field["name"]: word >> field["low"] & ((1 << field["width"]) - 1)
                for field in self._registers[name]["fields"]}

    def write(self, name: str, word: int) -> None:
        """Write a register's word."""
        self.transport.write32(self._registers[name]["offset"], word)

    def set(self, name: str, **values: int) -> None:
        """Write some fields of a register and 0 to the others."""
        fields = {field["name"]: field for field in self._registers[name]["fields"]}
        word = 0
        for field, value in values.items():
            low, width = fields[field]["low"], fields[field]["width"]
            if not 0 <= value < 1 << width:
                raise QuantloomError(f"{name}.{field} takes {width} bits, not {value!r}")
            word |= value << low
        self.write(name, word)

    def documentation(self, name: str) -> dict[str, str]:
        """What the fields of a register mean."""
        return {field["name"]: field["doc"] for field in self._registers[name]["fields"]}

    def most(self, name: str) -> int:
        """Largest value of a register's first field."""
        return (1 << int(self._registers[name]["fields"][0]["width"])) - 1

    def constant(self, name: str) -> int:
        """The word that a register has behind a reset, as it is described."""
        return int(self._registers[name]["reset"])
