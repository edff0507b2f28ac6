"""Sweeps from TOML files, and from what a command line says in their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...boards.board import BoardError
from ...boards.board import board as find_board
from ...boards.parts import Part
from ...boards.parts import part as find_part
from ..dataflow.fold import UTILISATION
from ..design import DEFAULT_CLOCK
from ..errors import QuantloomError
from ..shell import shell_sites
from ..stored import parse_toml
from .model import TRAITS
from .sweep import ModelEntry, Place, Sweep, Target

if TYPE_CHECKING:
    from ..frontends import InputGrid

__all__ = ["AXES", "FORMATS", "make_sweep", "read_sweep"]

AXES = ("part", "board", "clock", "cycles", "fps", "utilisation")
"""Lists of a sweep, by their keys in a file."""

FORMATS = ("weights", "activations", "overflow", "scale", "power-of-two", "sparsity",
           "channels-pruned")
"""What a float model is quantised to, by their keys in a file; ``quantloom quantise`` has each."""

_INPUT = ("input-bits", "input-signed", "input-scale", "input-zero-point")


def read_sweep(path: Path) -> dict[str, Any]:
    """The tables of a sweep file, checked: ``model`` (a list), ``sweep``, ``data``, ``platforms``.

    Raises
    ------
    QuantloomError
        If it cannot be read, or has a key that is not known: the text names it and those that are.
    """
    try:
        value = parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise QuantloomError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise QuantloomError(f"{path}: not a TOML file: {error}") from error

    def check(table: Any, known: tuple[str, ...], where: str) -> None:
        if not isinstance(table, dict):
            raise QuantloomError(f"{path}: {where} must be a table")
        if unknown := [key for key in table if key not in known]:
            raise QuantloomError(f"{path}: {where}: unknown key {', '.join(map(repr, unknown))}; "
                                 f"known are {', '.join(known)}")

    check(value, ("model", "sweep", "data", "platforms"), "the file")
    models = value.get("model", [])
    if not isinstance(models, list):
        raise QuantloomError(f"{path}: model must be a list of tables: write [[model]]")
    traits = tuple(name.replace("_", "-") for name in TRAITS)
    for k, entry in enumerate(models, 1):
        check(entry, ("file", "name", *traits, *_INPUT, *FORMATS, "calibration"), f"model {k}")
        if not isinstance(entry.get("file"), str):
            raise QuantloomError(f"{path}: model {k} needs a file")
    check(value.get("sweep", {}), (*AXES, "max"), "sweep")
    check(value.get("data", {}), ("file",), "data")
    check(value.get("platforms", {}), ("published",), "platforms")
    return value


def make_sweep(value: Mapping[str, Any], *, where: str, folder: Path = Path()) -> Sweep:
    """The sweep of a file's tables.

    Parameters
    ----------
    value : mapping
        As :func:`read_sweep` gives it.
    where : str
        Of what a message speaks.
    folder : Path
        That names of files start from.

    Raises
    ------
    QuantloomError
        If a value is not what it must be.
    """
    axes = value.get("sweep", {})

    def values(key: str, read: Callable[[Any], Any], what: str) -> list[Any]:
        given = axes.get(key, [])
        found = []
        for item in given if isinstance(given, list) else [given]:
            try:
                if isinstance(item, bool):
                    raise ValueError
                found.append(read(item))
            except (ValueError, TypeError, ArithmeticError) as error:
                text = str(error) if isinstance(error, BoardError) or "must be one of" in str(
                    error) else f"must be {what}, not {item!r}"
                raise QuantloomError(f"{where}: {key} {text}") from None
        return list(dict.fromkeys(found))

    shares = values("utilisation", _share, "percentages above 0 and up to 100, as \"80%\"")
    parts = values("part", lambda name: _part(str(name), folder), "names of parts")
    boards = values("board", lambda name: _board(str(name), folder), "names of boards")
    places = [_place(part, name, None, share) for share in shares or [None]
              for part, name in parts]
    places += [_place(part, None, name, share, where) for share in shares or [None]
               for part, name in boards]
    targets = [Target(cycles=n) for n in values("cycles", _whole, "whole numbers above 0")]
    targets += [Target(fps=f) for f in values("fps", _positive, "numbers above 0")]
    fastest = axes.get("max", not targets)
    if not isinstance(fastest, bool):
        raise QuantloomError(f"{where}: max must be true or false, not {fastest!r}")
    if fastest:
        targets.append(Target())
    if not targets:
        raise QuantloomError(f"{where}: no target: give cycles, fps or max = true")
    if shares and not places:
        raise QuantloomError(f"{where}: utilisation needs a part or a board")
    models = tuple(_model(entry, folder, where) for entry in value.get("model", ()))
    data = value.get("data", {}).get("file")
    published = value.get("platforms", {}).get("published", [])
    return Sweep(
        models, tuple(places) or (Place(None),),
        tuple(values("clock", _positive, "numbers above 0, in MHz")) or (DEFAULT_CLOCK,),
        tuple(targets), None if data is None else folder / str(data),
        tuple(str(name) for name in
              (published if isinstance(published, list) else [published])), folder)


def _part(name: str, folder: Path) -> tuple[Part, str]:
    """A part, and what a command calls it."""
    if name.endswith(".toml"):
        return find_part(str(folder / name)), str(folder / name)
    return find_part(name), name.lower()


def _board(name: str, folder: Path) -> tuple[Part, str]:
    """A board's part, and what a command calls the board."""
    if (folder / name).is_file():
        name = str(folder / name)
    return find_board(name).part, name


def _place(part: Part, name: str | None, board: str | None, share: float | None,
           where: str = "") -> Place:
    utilisation = UTILISATION if share is None else share
    if board is not None:
        utilisation -= shell_sites(taps=True) / part.luts
        if utilisation <= 0:
            raise QuantloomError(f"{where}: the shell of {board} takes more than {share:.0%} of "
                                 f"{part.name}; raise utilisation")
    return Place(part, name, board, utilisation, share)


def _model(entry: Mapping[str, Any], folder: Path, where: str) -> ModelEntry:
    traits = {name: entry[key] for name in TRAITS
              if (key := name.replace("_", "-")) in entry}
    for name, value in {"name": entry.get("name", ""), **traits}.items():
        text = name in ("name", "network", "quantiser")
        if not isinstance(value, str if text else int | float) or isinstance(value, bool):
            raise QuantloomError(f"{where}: {name.replace('_', '-')} of {entry['file']} must be "
                                 f"{'a text' if text else 'a number'}, not {value!r}")
    formats = {key: entry[key] if isinstance(entry[key], list) else [entry[key]]
               for key in FORMATS if key in entry}
    calibration = entry.get("calibration")
    if calibration is not None and not formats:
        raise QuantloomError(f"{where}: {entry['file']} has calibration, but no weights to "
                             "quantise to")
    return ModelEntry(folder / entry["file"], entry.get("name"), _grid(entry, where), traits,
                      formats, None if calibration is None else folder / str(calibration))


def _grid(entry: Mapping[str, Any], where: str) -> InputGrid | None:
    given = {key: entry[key] for key in _INPUT if key in entry}
    if not given:
        return None
    from ..frontends import InputGrid  # half of the time that a command takes to start

    try:
        return InputGrid(bits=_whole(given["input-bits"]),
                         signed=bool(given.get("input-signed", False)),
                         scale=Fraction(str(given.get("input-scale", 1))),
                         zero_point=int(given.get("input-zero-point", 0)))
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise QuantloomError(f"{where}: the input grid of {entry['file']} needs input-bits, a "
                             "whole number above 0, and an input-scale above 0 as 1/255: "
                             f"{error}") from None


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _whole(value: Any) -> int:
    number = Fraction(str(value))
    if number.denominator != 1 or number < 1:
        raise ValueError
    return int(number)


def _share(value: Any) -> float:
    share = float(str(value).removesuffix("%")) / 100
    if not 0 < share <= 1:
        raise ValueError
    return share
