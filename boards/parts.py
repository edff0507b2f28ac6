"""FPGA parts and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..gen.stored import parse_toml

__all__ = ["ARCHITECTURES", "PARTS", "Part", "part"]

ARCHITECTURES = {"Zynq-7000": "xc7", "Artix-7": "xc7", "ECP5": "ecp5"}
"""By family of parts, the architecture that its parts are made of, as synthesis names it."""


@dataclass(frozen=True)
class Part:
    """A part.

    Parameters
    ----------
    name : str
        Ordering code without speed grade and package.
    family : str
    luts : int
        7-series: six-input LUTs; each is a site for a LUT, two small LUTs, or a carry bit.
        ECP5: four-input LUTs.
    lutram_luts : int
        Those of them that can be memories.
    ffs : int
        Flip-flops.
    bram36 : int
        Block RAM in units of 36 kbit: RAMB36E1, each of which can be two RAMB18E1, or pairs of
        DP16KD.
    dsp : int
        DSP48E1, or MULT18X18D.
    """

    name: str
    family: str
    luts: int
    lutram_luts: int
    ffs: int
    bram36: int
    dsp: int

    @property
    def architecture(self) -> str:
        """``xc7`` or ``ecp5``."""
        return ARCHITECTURES[self.family]

    def to_json(self) -> str | dict[str, Any]:
        """Plain data: the name of a known part, all of a user's own."""
        return self.name if PARTS.get(self.name) == self else asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Part:
        """What :meth:`to_json` gave.

        Raises
        ------
        ValueError
            If it is none; the text says why.
        """
        if isinstance(value, str):
            return _known(value)
        if not isinstance(value, Mapping):
            raise ValueError(f"Part must be a name or a table, not {value!r}")
        kinds = {field.name: str if field.name in ("name", "family") else int
                 for field in fields(cls)}
        if unknown := value.keys() - kinds:
            raise ValueError(f"Part has {', '.join(kinds)}, not {', '.join(sorted(unknown))}")
        for key, kind in kinds.items():
            found = value.get(key)
            least = 1 if key in ("luts", "ffs") else 0
            if type(found) is not kind or (isinstance(found, int) and found < least):
                what = "a text" if kind is str else f"a whole number from {least} on"
                raise ValueError(f"Part must have {what} as {key}, not {found!r}")
        if value["family"] not in ARCHITECTURES:
            raise ValueError(f"Part must be of family {', '.join(ARCHITECTURES)}, not "
                             f"{value['family']!r}")
        return cls(**value)


PARTS: dict[str, Part] = {row.name: row for row in (
    Part("XC7Z007S", "Zynq-7000", 14_400, 6_000, 28_800, 50, 66),
    Part("XC7Z010", "Zynq-7000", 17_600, 6_000, 35_200, 60, 80),
    Part("XC7Z014S", "Zynq-7000", 40_600, 17_400, 81_200, 107, 170),
    Part("XC7Z015", "Zynq-7000", 46_200, 14_400, 92_400, 95, 160),
    Part("XC7Z020", "Zynq-7000", 53_200, 17_400, 106_400, 140, 220),
    Part("XC7Z030", "Zynq-7000", 78_600, 26_600, 157_200, 265, 400),
    Part("XC7Z035", "Zynq-7000", 171_900, 70_400, 343_800, 500, 900),
    Part("XC7Z045", "Zynq-7000", 218_600, 70_400, 437_200, 545, 900),
    Part("XC7Z100", "Zynq-7000", 277_400, 108_200, 554_800, 755, 2_020),
    Part("XC7A35T", "Artix-7", 20_800, 9_600, 41_600, 50, 90),
    Part("XC7A100T", "Artix-7", 63_400, 19_000, 126_800, 135, 240),
    Part("LFE5U-25F", "ECP5", 24_288, 12_144, 24_288, 28, 28),
    Part("LFE5U-45F", "ECP5", 43_848, 21_924, 43_848, 54, 72),
    Part("LFE5U-85F", "ECP5", 83_640, 41_820, 83_640, 104, 156),
)}  # fmt: skip
"""Parts by name, from the families' data sheets (DS190, DS180; FPGA-DS-02012)."""


def part(name: str) -> Part:
    """The part of a name, in any case, or that of a ``FILE.toml`` with a :class:`Part`'s fields.

    Raises
    ------
    ValueError
        If there is none; the text lists the names, or says what the file lacks.
    """
    if not name.endswith(".toml"):
        return _known(name)
    try:
        return Part.from_json(parse_toml(Path(name).read_text()))
    except OSError as error:
        raise ValueError(f"{name}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # bad TOML or bytes are ValueErrors, too
        raise ValueError(f"{name}: {error}") from None


def _known(name: str) -> Part:
    found = PARTS.get(name.upper())
    if found is None:
        raise ValueError(f"Part must be one of {', '.join(PARTS)}, or a file NAME.toml, not "
                         f"{name!r}")
    return found
