"""Paths between registers as structure: what is in series, before any delays are known."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SOURCES", "Path", "and_levels", "ring_levels", "select_levels", "table_levels"]

SOURCES = ("register", "lutram", "bram", "ram")
"""Where paths begin: at a register; at the register that addresses a LUT memory, which is then
passed; at the output of a block RAM without a register of its own; at what synthesis makes of a
memory that is read at clock edges: such a block RAM, or LUTs and the register behind them."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """What a signal passes between two clock edges.

    Parameters
    ----------
    what : str
        Where in the block.
    luts : int
        LUTs of six inputs in series, beside those of carry chains' own cells and of LUT memories.
    choices : int
        How many of those are multiplexers of four.
    carry : int
        Bits of the carry chains on the path; 0 if there is none.
    fanout : int
        Loads of the widest net.
    source : str
        One of :data:`SOURCES`.
    words, width : int
        Of the memory it begins at, and their bits. More words than a primitive holds are joined by
        multiplexers that are not counted in ``luts``.
    tail : bool
        It ends at an enable, a reset or a memory, not in a register beside the last LUT.
    factors : (int, int) or ()
        Bits of the factors of a product on the path. ``luts`` and ``carry`` are what it takes
        where no multiplier is used for it.

    Raises
    ------
    ValueError
        If a number is negative, or below 1 where that is the least, there are more choices than
        LUTs, or the source is unknown.
    """

    what: str
    luts: int = 0
    choices: int = 0
    carry: int = 0
    fanout: int = 1
    source: str = "register"
    words: int = 1
    width: int = 1
    tail: bool = False
    factors: tuple[int, int] | tuple[()] = ()

    def __post_init__(self) -> None:
        if min(self.luts, self.carry) < 0 or min(self.fanout, self.words, self.width) < 1:
            raise ValueError("luts and carry must not be negative, fanout, words and width at "
                             f"least 1, not {self.luts!r}, {self.carry!r}, {self.fanout!r}, "
                             f"{self.words!r} and {self.width!r}")
        if not 0 <= self.choices <= self.luts:
            raise ValueError(f"choices must be some of the {self.luts} luts, not {self.choices!r}")
        if self.source not in SOURCES:
            raise ValueError(f"source must be one of {', '.join(SOURCES)}, not {self.source!r}")

    def __str__(self) -> str:
        if self.factors:
            parts = ["{} x {}-bit product".format(*self.factors)]
        else:
            parts = [f"{self.luts} LUT"] if self.luts else []
            parts += [f"{self.carry}-bit carry"] if self.carry else []
        text = " + ".join(parts) or "wires alone"
        text += {"register": "", "lutram": " behind a LUT memory",
                 "bram": " behind a block RAM", "ram": " behind a memory"}[self.source]
        return f"{text}, fan-out {self.fanout} ({self.what})"


def and_levels(inputs: int) -> int:
    """LUTs in series of an AND, or any other function made of a tree, of so many inputs."""
    levels, reach = 0, 1
    while reach < inputs:
        levels, reach = levels + 1, reach * 6
    return levels


def select_levels(ways: int) -> int:
    """LUTs in series of a multiplexer: each chooses one of four."""
    levels, reach = 0, 1
    while reach < ways:
        levels, reach = levels + 1, reach * 4
    return levels


def table_levels(words: int) -> int:
    """LUTs in series of a table of constants: 64 words each, joined by multiplexers."""
    if words <= 1:
        return 0
    return 1 + select_levels(-(-words // 64))


def ring_levels(states: int) -> int:
    """LUTs in series to the flags of two places on a ring, see :class:`.ring.Turns`.

    The places are compared, and the result joined with the flag and with whether either moves.
    """
    bits = max(1, (states - 1).bit_length())
    return and_levels(2 * bits + 3)
