"""Quantised neural networks to streaming FPGA accelerators, proven bit for bit.

The public API. A model goes through :func:`load`, :func:`fold` and :func:`generate`;
:func:`simulate` proves the Verilog that came out, :func:`estimate` says what it takes.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from .gen.dataflow.fold import fold
    from .gen.design import Design
    from .gen.errors import QuantloomError, UnsupportedError
    from .gen.estimate import estimate
    from .gen.frontends import InputGrid, check, load
    from .gen.network import Network
    from .sim.report import Report

__all__ = [
    "Design", "InputGrid", "Network", "QuantloomError", "UnsupportedError", "check",
    "estimate", "fold", "generate", "load", "simulate",
]  # fmt: skip

# Loaded when they are asked for: other packages import a part of this one without the rest.
_PLACES = {
    "Design": "gen.design", "InputGrid": "gen.frontends", "Network": "gen.network",
    "QuantloomError": "gen.errors", "UnsupportedError": "gen.errors", "check": "gen.frontends",
    "estimate": "gen.estimate",
    "fold": "gen.dataflow.fold", "load": "gen.frontends",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def generate(design: Design, output: str | Path, frames: np.ndarray | None = None) -> None:
    """Write Verilog, design file, vectors and test bench of a design.

    Parameters
    ----------
    design : Design
    output : path
        Directory; replaced only if it holds an unchanged earlier output.
    frames : array of int, (frames, height, width, channels), or None
        Inputs of the test bench; None takes three random frames.

    Raises
    ------
    QuantloomError
        If a folding is not legal or the directory cannot be written.
    """
    from .gen.cli.generate import VECTORS, build, random_frames

    build(design, Path(output),
          random_frames(design.network, VECTORS) if frames is None else frames)


def simulate(output: str | Path, frames: np.ndarray, *, engine: str = "verilator",
             stress: bool = False, seed: int = 0) -> Report:
    """Simulate a generated design and compare every stream with the golden model.

    Parameters
    ----------
    output : path
        Directory that :func:`generate` wrote.
    frames : array of int, (frames, height, width, channels)
        Integers of the input tensor.
    engine : str
        ``verilator``, ``cxxrtl`` or ``icarus``.
    stress : bool
        Random pauses at both ends instead of flat out.
    seed : int
        Of the pauses.

    Returns
    -------
    quantloom.sim.report.Report

    Raises
    ------
    QuantloomError
        If there is no such design, the engine is missing, or the frames do not fit.
    """
    from .gen.cli.simulate import simulate_design
    from .gen.design import Design

    return simulate_design(Design.load(Path(output)), Path(output), frames, engine=engine,
                           stress=stress, seed=seed)
