"""Boards: which part they carry, and how a host reaches it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOARDS", "Board", "board"]


@dataclass(frozen=True)
class Board:
    """A board.

    Parameters
    ----------
    name : str
    part : str
        As in :data:`.parts.PARTS`.
    shell : str
        What stands around the accelerator there.
    """

    name: str
    part: str
    shell: str


BOARDS: dict[str, Board] = {row.name: row for row in (
    Board("zybo-z7-10", "XC7Z010", "zynq"),
    Board("zybo-z7-20", "XC7Z020", "zynq"),
)}
"""Boards by name, from their reference manuals."""


def board(name: str) -> Board:
    """The board of a name, in any case.

    Raises
    ------
    ValueError
        If there is none; the text lists the names.
    """
    found = BOARDS.get(name.lower())
    if found is None:
        raise ValueError(f"Board must be one of {', '.join(BOARDS)}, not {name!r}")
    return found
