"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ...boards.parts import Part
from ...boards.parts import part as find_part
from ..errors import QuantloomError

if TYPE_CHECKING:
    from ..frontends import InputGrid

__all__ = ["add_input_grid", "add_workers", "existing", "input_grid", "named_part", "natural",
           "percentage", "positive", "positive_real", "share"]


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def natural(text: str) -> int:
    """A whole number from 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def positive_real(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def percentage(text: str) -> float:
    """A share of at most 1, written in per cent."""
    value = float(text.removesuffix("%")) / 100
    if not 0 < value <= 1:
        raise ValueError
    return value


def share(text: str) -> float:
    """A share from 0 and below 1, written in per cent."""
    value = float(text.removesuffix("%")) / 100
    if not 0 <= value < 1:
        raise ValueError
    return value


def _scale(text: str) -> Fraction:
    try:
        value = Fraction(text.replace(" ", ""))
        real = float(value)
    except ArithmeticError:  # a denominator of 0, or more than a float holds
        raise ValueError from None
    if not real > 0:
        raise ValueError
    return value


positive.__name__ = "whole number above 0"
natural.__name__ = "whole number from 0"
positive_real.__name__ = "number above 0"
share.__name__ = "percentage from 0 and below 100"
percentage.__name__ = "percentage above 0 and up to 100"
_scale.__name__ = "number or fraction above 0"


def add_input_grid(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which integers the model's input is made of."""
    group = parser.add_argument_group(
        "input grid", "The integers that enter the hardware: real = scale * (integer - zero "
        "point). Needed where the model does not begin with a quantiser.")
    group.add_argument("--input-bits", type=positive, metavar="N", help="width of an integer")
    group.add_argument("--input-signed", action=argparse.BooleanOptionalAction, default=False,
                       help="two's complement")
    group.add_argument("--input-scale", type=_scale, metavar="S",
                       help="step of the grid, as 0.5 or 1/255 (default 1)")
    group.add_argument("--input-zero-point", type=int, metavar="Z",
                       help="integer that stands for 0 (default 0)")


def input_grid(arguments: argparse.Namespace) -> InputGrid | None:
    """The input grid that was given, None if none was."""
    if arguments.input_bits is None:
        if (arguments.input_signed or arguments.input_scale is not None
                or arguments.input_zero_point is not None):
            raise QuantloomError("the input grid needs --input-bits")
        return None
    from ..frontends import InputGrid

    scale = arguments.input_scale
    return InputGrid(bits=arguments.input_bits, signed=arguments.input_signed,
                     scale=Fraction(1) if scale is None else scale,
                     zero_point=arguments.input_zero_point or 0)


def add_workers(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that say who computes; the text says who does where none is given."""
    group = parser.add_argument_group("workers", "Who computes.")
    group.add_argument("--workers", type=natural, metavar="N",
                       help="processes on this machine; 0: this process alone "
                       f"(default: {default})")
    group.add_argument("--scheduler", metavar="ADDRESS",
                       help="a Dask cluster, as tcp://host:8786; 'local' starts one on this "
                       "machine, with its dashboard")


def existing(path: Path) -> Path:
    """The path, if there is something.

    Raises
    ------
    QuantloomError
        If there is nothing.
    """
    if not path.exists():
        raise QuantloomError(f"{path}: no such file or directory")
    return path


def named_part(text: str) -> Part:
    """The part that ``--part`` names.

    Raises
    ------
    QuantloomError
        If there is none.
    """
    try:
        return find_part(text)
    except ValueError as problem:
        raise QuantloomError(f"--part: {problem}") from None
