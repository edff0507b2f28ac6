"""What is swept: models by parts, clocks, targets and shares of the part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...boards.parts import Part
from ..dataflow.fold import UTILISATION
from ..design import cycles_at

if TYPE_CHECKING:
    from ..frontends import InputGrid

__all__ = ["ModelEntry", "Place", "Sweep", "Target"]


@dataclass(frozen=True)
class Place:
    """What a design must fit.

    Parameters
    ----------
    part : Part or None
        None: any part; without limits, and without DSPs.
    named : str or None
        As ``quantloom generate`` takes it: a name, or a file.
    board : str or None
        That carries it, in the same way.
    utilisation : float
        Share of its LUT sites that the accelerator may take.
    asked : float or None
        The share that was asked for, of which a board's shell takes its part.
    """

    part: Part | None
    named: str | None = None
    board: str | None = None
    utilisation: float = UTILISATION
    asked: float | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """Options of ``quantloom generate``."""
        where = ("--board", self.board) if self.board else (
            ("--part", self.named) if self.named else ())
        return where + (("--utilisation", f"{self.asked:.6%}".rstrip("%").rstrip("0").rstrip(".")
                         + "%") if self.asked is not None else ())


_MOST = (1 << 63) - 1
"""Cycles a frame that a table holds; no network is as slow."""


@dataclass(frozen=True)
class Target:
    """How fast a design must be: cycles a frame, frames a second, or neither for the fastest."""

    cycles: int | None = None
    fps: float | None = None

    def at(self, clock: float) -> int | None:
        """Cycles a frame at a clock in MHz; None: as few as fit.

        Raises
        ------
        QuantloomError
            If it is more than a frame a cycle.
        """
        cycles = self.cycles if self.fps is None else cycles_at(self.fps, clock)
        return None if cycles is None else min(cycles, _MOST)

    def __str__(self) -> str:
        return f"{self.fps:g} fps" if self.fps is not None else (
            f"{self.cycles} cycles" if self.cycles is not None else "max")


@dataclass(frozen=True)
class ModelEntry:
    """A model of a sweep, before it is read.

    Parameters
    ----------
    file : Path
    name : str or None
    grid : InputGrid or None
    traits : mapping
        What is said of it; see :class:`~quantloom.gen.explore.model.Model`.
    formats : mapping
        Lists by the keys of :data:`~quantloom.gen.explore.sweep_file.FORMATS`: a float model is
        quantised to each combination.
    calibration : Path or None
        Inputs that scales follow.
    """

    file: Path
    name: str | None = None
    grid: InputGrid | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    calibration: Path | None = None


@dataclass(frozen=True)
class Sweep:
    """What is swept.

    Parameters
    ----------
    models : tuple of ModelEntry
    places : tuple of Place
    clocks : tuple of float
        In MHz.
    targets : tuple of Target
    data : Path or None
        Labelled frames.
    published : tuple of str
        Tables of other platforms: files, or names of those that come with Quantloom.
    folder : Path
        That names of such files start from.
    """

    models: tuple[ModelEntry, ...]
    places: tuple[Place, ...]
    clocks: tuple[float, ...]
    targets: tuple[Target, ...]
    data: Path | None = None
    published: tuple[str, ...] = ()
    folder: Path = Path()

    def settings(self) -> Iterator[tuple[Place, float, Target]]:
        """What every model is tried with."""
        yield from product(self.places, self.clocks, self.targets)
