"""The C++ compiler: objects side by side, one executable."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ..gen.errors import QuantloomError
from ..gen.process import processors

__all__ = ["Unit", "compile_units", "compiler", "compiler_version", "link", "run_tool"]


@dataclass(frozen=True)
class Unit:
    """A source file and the flags that it is compiled with, its object's name last."""

    source: Path
    flags: tuple[str, ...]
    object: Path


def compiler() -> list[str]:
    """Command of the C++ compiler: ``$CXX``, else the first of c++, g++ and clang++.

    Raises
    ------
    QuantloomError
        If there is none.
    """
    if own := shlex.split(os.environ.get("CXX", "")):
        if shutil.which(own[0]):
            return own
        raise QuantloomError(f"the C++ compiler {own[0]!r} that CXX names is not there")
    for name in ("c++", "g++", "clang++"):
        if found := shutil.which(name):
            return [found]
    raise QuantloomError("no C++ compiler (c++, g++ or clang++) is installed; simulation "
                         "compiles the design: install one ('apt-get install g++'), or use "
                         "--engine icarus")


def compiler_version() -> str:
    """First line of the compiler's own description."""
    return run_tool([*compiler(), "--version"]).splitlines()[0]


def run_tool(command: Sequence[str | Path], *, cwd: Path | None = None,
             env: dict[str, str] | None = None) -> str:
    """Output of a command.

    Raises
    ------
    QuantloomError
        If it cannot be started or fails; the text ends with the last lines of its output.
    """
    try:
        done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        raise QuantloomError(f"{command[0]}: cannot be started ({error.strerror})") from error
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise QuantloomError(f"{Path(command[0]).name} failed with status {done.returncode}:\n"
                             f"{tail}")
    return done.stdout


def compile_units(units: Sequence[Unit], on_done: Callable[[int, int], None] | None = None) -> None:
    """Compile source files, as many at a time as there are processors.

    Parameters
    ----------
    units : sequence of Unit
    on_done : callable or None
        Called with the files done and the files in all after each file.
    """
    command = compiler()
    # The largest files first: a long one at the end would keep one processor busy alone.
    ordered = sorted(units, key=lambda unit: unit.source.stat().st_size, reverse=True)
    with ThreadPoolExecutor(processors()) as pool:
        jobs = [pool.submit(run_tool, [*command, *unit.flags, "-c", unit.source,
                                       "-o", unit.object]) for unit in ordered]
        try:
            for count, job in enumerate(as_completed(jobs), 1):
                job.result()
                if on_done is not None:
                    on_done(count, len(jobs))
        finally:
            for job in jobs:
                job.cancel()


def link(objects: Sequence[Path], executable: Path) -> None:
    """Link objects to an executable."""
    run_tool([*compiler(), *objects, "-o", executable, "-pthread"])
