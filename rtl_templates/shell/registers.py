"""Register maps as data: what hardware, driver, headers and documentation are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["ACCESSES", "Field", "Register", "RegisterMap"]

WIDTH = 32
"""Bits of a register."""

ACCESSES = {
    "constant": "reads its reset value",
    "read": "read only",
    "write": "read and write",
    "pulse": "a one that is written acts once, reads as zero",
    "clear": "a flag that the hardware sets and a written one clears",
}
"""The kinds of access and what they mean to software."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits of a register.

    Parameters
    ----------
    name : str
        Lower case, unique in the register.
    low, width : int
        Lowest bit, number of bits.
    access : str
        One of :data:`ACCESSES`.
    reset : int
        Value behind a reset; that of a constant.
    doc : str
        One sentence.

    Raises
    ------
    ValueError
        If the access is unknown, or the bits or the reset value do not fit.
    """

    name: str
    low: int = 0
    width: int = 1
    access: str = "read"
    reset: int = 0
    doc: str

    def __post_init__(self) -> None:
        if self.access not in ACCESSES:
            raise ValueError(f"{self.name}: access must be one of {', '.join(ACCESSES)}, "
                             f"not {self.access!r}")
        if not (0 <= self.low < self.low + self.width <= WIDTH):
            raise ValueError(f"{self.name}: bits must lie in 0 to {WIDTH - 1}, not "
                             f"{self.low} to {self.low + self.width - 1}")
        if not 0 <= self.reset < 1 << self.width:
            raise ValueError(f"{self.name}: reset must fit {self.width} bits, not {self.reset!r}")

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True, kw_only=True)
class Register:
    """A word of the map.

    Parameters
    ----------
    name : str
        Lower case, unique in the map.
    offset : int
        In bytes, a multiple of 4.
    fields : sequence of Field
        From the lowest bit on.
    doc : str
    strobe : str
        ``read`` or ``write`` if the hardware acts when the register is read or written, else
        empty.

    Raises
    ------
    ValueError
        If the offset is not aligned, the strobe unknown, or fields overlap or share a name.
    """

    name: str
    offset: int
    fields: Sequence[Field]
    doc: str
    strobe: str = ""

    def __post_init__(self) -> None:
        if self.offset % 4 or self.offset < 0:
            raise ValueError(f"{self.name}: offset must be a multiple of 4, not {self.offset!r}")
        if self.strobe not in ("", "read", "write"):
            raise ValueError(f"{self.name}: strobe must be read or write, not {self.strobe!r}")
        taken = 0
        for field in self.fields:
            if taken & field.mask:
                raise ValueError(f"{self.name}: field {field.name} overlaps another")
            taken |= field.mask
        if len({field.name for field in self.fields}) < len(self.fields):
            raise ValueError(f"{self.name}: two fields have one name")

    @property
    def reset(self) -> int:
        """The word behind a reset."""
        return sum(field.reset << field.low for field in self.fields)

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name}.{name}")


@dataclass(frozen=True)
class RegisterMap:
    """Registers of 32 bits behind one bus.

    Parameters
    ----------
    name : str
    registers : sequence of Register

    Raises
    ------
    ValueError
        If two registers share an offset or a name.
    """

    name: str
    registers: Sequence[Register]

    def __post_init__(self) -> None:
        for what in ("offset", "name"):
            values = [getattr(register, what) for register in self.registers]
            if len(set(values)) < len(values):
                raise ValueError(f"{self.name}: two registers have one {what}")

    def __iter__(self) -> Iterator[Register]:
        return iter(self.registers)

    def __getitem__(self, name: str) -> Register:
        for register in self.registers:
            if register.name == name:
                return register
        raise KeyError(name)

    @property
    def address_bits(self) -> int:
        """Bits of a byte address that tell all registers apart."""
        return max(register.offset for register in self.registers).bit_length()
