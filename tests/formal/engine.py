"""Model checking of a harness: Yosys makes an and-inverter graph, ABC proves it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from quantloom.gen.emit import component_rtlil
from quantloom.gen.errors import QuantloomError
from quantloom.gen.yosys import run_yosys

from .harness import Harness

__all__ = ["Result", "check", "refute", "to_aiger"]

TOP = "harness"

SHORTLY = 3
"""Seconds for what is proven, or fails, at once."""

NODES = 1_000_000
"""Of a decision diagram, at most."""

TRACED = 200
"""Cycles within which the way to a failure is looked for."""

_CEX = re.compile(r"^(\w+)(?:\[(\d+)\])?@(\d+)=([01])$", re.M)
INPUTS = ("offer", "payload", "room", "pick", "mark", "ink")
"""What the names of a harness's inputs begin with."""


@dataclass(frozen=True)
class Result:
    """Outcome of a model checking run.

    Attributes
    ----------
    checks : dict of str to str
        ``proven`` for all time; ``bounded``: for ``depth`` cycles; ``failed``.
    depth : int
        Cycles of bounded proofs, that of the reset included; 0 if there was none.
    seconds : float
    trace : str
        What leads to the first failure, cycle by cycle; empty if there is none.
    """

    checks: dict[str, str]
    depth: int
    seconds: float
    trace: str = ""

    def named(self, status: str) -> tuple[str, ...]:
        """Checks of that status."""
        return tuple(check for check, found in self.checks.items() if found == status)


def to_aiger(harness: Harness, path: Path) -> None:
    """Write a harness as an and-inverter graph, one output a check.

    Registers and memories begin in any state, but for the one that ends the reset, and ROMs.

    Raises
    ------
    YosysError
        If Yosys refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "design.il").write_text(component_rtlil(harness, TOP))
        run_yosys([
            "read_rtlil design.il", f"hierarchy -check -top {TOP}", "proc", "flatten", "opt_clean",
            "setattr -unset init w:* w:started %d", "memory_collect",
            "setparam -set INIT 1'x t:$mem_v2 r:WR_PORTS=0 %d", "memory_map", "opt -full",
            "async2sync", "dffunmap", "setundef -undriven -anyseq", "techmap", "opt_clean",
            "aigmap", "opt_clean -purge", "write_aiger -zinit -symbols design.aig",
        ], directory=directory)
        path.write_bytes((directory / "design.aig").read_bytes())


def check(harness: Harness, *, cycles: int, bounded: Collection[str] = (),
          seconds: float = 40) -> Result:
    """Prove the checks of a harness, for all time but for those named.

    Each by itself, on the registers that it depends on: shortly by property directed reachability
    (IC3), then by the set of all reachable states as a decision diagram, which suits counters that
    keep step. What is not proven for all time within the time is unrolled, and so is what is not
    meant to be.

    Parameters
    ----------
    harness : Harness
    cycles : int
        Behind the reset, for bounded proofs.
    bounded : collection of str
        Checks that are proven for so many cycles only.
    seconds : float
        For each engine.

    Raises
    ------
    QuantloomError
        If there is no ABC, or a check stays undecided.
    """
    begin = time.monotonic()
    found: dict[str, str] = {}
    trace = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "design.aig"
        to_aiger(harness, path)
        for k, name in enumerate(harness.checks):
            read = f"read_aiger {path}; strash; cone -O {k}; scorr; trim"
            unroll = f"bmc3 -F {cycles + 1} -T {seconds:.0f}"
            engines = [unroll] if name in bounded else [
                f"pdr -a -T {SHORTLY}", f"reach -T {seconds:.0f} -B {NODES}", unroll]
            for engine in engines:
                found[name] = _outcome(_abc(f"{read}; {engine}"), cycles + 1)
                if found[name] != "undecided":
                    break
            else:
                raise QuantloomError(f"{harness.params}: {name} undecided within {seconds:.0f} s: "
                                     "allow more time, or make the block smaller")
            if found[name] == "failed" and not trace:
                trace = _trace(path, k, TRACED)
    return Result(found, cycles + 1 if "bounded" in found.values() else 0,
                  time.monotonic() - begin, trace)


def refute(harness: Harness, name: str, cycles: int) -> str:
    """The way to the failure of a check, as short as can be; empty if there is none so soon.

    A line for each cycle, the reset first, with the inputs of the harness.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "design.aig"
        to_aiger(harness, path)
        return _trace(path, harness.checks.index(name), cycles + 1)


def _outcome(log: str, depth: int) -> str:
    """What an engine says of its single output."""
    if "was asserted in frame" in log:
        return "failed"
    if "Proved output" in log or "proved unreachable" in log:
        return "proven"
    unrolled = re.search(r"No output asserted in (\d+) frames", log)
    return "bounded" if unrolled and int(unrolled[1]) >= depth else "undecided"


def _trace(path: Path, output: int, depth: int) -> str:
    """Inputs on the shortest way to the failure of a check, a line a cycle."""
    cex = path.with_suffix(".cex")
    _abc(f"read_aiger {path}; strash; cone -a -O {output}; bmc3 -F {depth}; write_cex -n {cex}")
    if not cex.exists():
        return ""
    rows: dict[int, dict[str, int]] = {}
    for name, bit, cycle, value in _CEX.findall(cex.read_text()):
        if name.split("_")[0] in INPUTS:
            row = rows.setdefault(int(cycle), {})
            row[name] = row.get(name, 0) | int(value) << int(bit or 0)
    return "\n".join(f"cycle {cycle}: " + " ".join(f"{name}={value}" for name, value in row.items())
                     for cycle, row in sorted(rows.items()))


def _abc(script: str) -> str:
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.submodule_search_locations is None:
        raise QuantloomError("ABC is not installed: run 'pip install pyosys'")
    program = Path(spec.submodule_search_locations[0]) / "yosys-abc"
    done = subprocess.run([program, "-c", script], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise QuantloomError(f"ABC failed with status {done.returncode}:\n{done.stdout[-500:]}")
    return done.stdout
