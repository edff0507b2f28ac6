"""Single-event upsets: every control register of a design flipped at random moments.

    python -m bench.upsets [--trials N] [--seed S] [--write docs/faults.md]

A control register is one that a reset sets: counters, flags, places in rings. The emitted Verilog
of a small network runs in Icarus; in each trial one bit of one of them is inverted while frames go
through, and what comes of it is told from the output alone. Behind each trial there is a reset and
a frame that must be right.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from quantloom.gen.cli.terminal import progress
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import QuantloomError
from quantloom.sim import golden
from quantloom.sim.packing import pack

__all__ = ["OUTCOMES", "Register", "control_registers", "frame_words",
           "run_upsets"]

OUTCOMES = {
    "correct": "all frames are right",
    "flagged": "TLAST is not where the frame ends: a shell flags `out_early` or `out_late`",
    "stopped": "frames stop coming: the driver's time-out sees it",
    "passing": "frames are wrong, and later ones right again",
    "lasting": "frames are wrong until the reset",
}
"""What may come of an upset. In each case the frame behind a reset is right, or the run fails."""

FRAMES = 4
"""In a trial: the upset happens in the first half of the time they take."""


@dataclass(frozen=True)
class Register:
    """A control register: its path below the top, and its bits."""

    path: str
    bits: int


def control_registers(verilog: str, top: str) -> list[Register]:
    """Registers that the synchronous reset sets, by their paths, in emitted Verilog."""
    modules = {match[1]: match[2] for match in
               re.finditer(r"^module (\w+)\(.*?;\n(.*?)^endmodule", verilog, re.M | re.S)}
    found: list[Register] = []

    def walk(module: str, path: str) -> None:
        body = modules[module]
        nets = set(re.findall(r"^  assign (\w+) = (?:rst|reset) \? ", body, re.M))
        widths = {name: int(high or 0) + 1 for high, name in
                  re.findall(r"^  reg (?:\[(\d+):0\] )?(\w+)(?: =.*)?;", body, re.M)}
        for name, source in re.findall(r"^ +(?:if \(\w+\) )?(\w+) <= (\w+);", body, re.M):
            if source in nets:
                found.append(Register(path + name, widths[name]))
        for child, instance in re.findall(r"^  (\w+) (\w+) \($", body, re.M):
            walk(child, f"{path}{instance}.")

    walk(top, "")
    return found


def run_upsets(design: Design, trials: int, seed: int) -> list[dict[str, Any]]:
    """Upsets one after the other in one simulation.

    Registers are taken in turn, so that as many trials as there are bits flip each once.

    Parameters
    ----------
    design : Design
    trials, seed : int

    Returns
    -------
    list of dict
        ``register``, ``bit``, ``cycle`` (behind the first frame) and ``outcome`` of each trial.

    Raises
    ------
    QuantloomError
        If Icarus is missing, or a frame behind a reset was wrong.
    """
    if shutil.which("iverilog") is None:
        raise QuantloomError("Icarus Verilog is not installed: apt install iverilog")
    dataflow, verilog = design.dataflow, to_verilog(design.dataflow)
    words = frame_words(design, FRAMES, seed)
    rng = np.random.default_rng(seed)
    bits = [(register.path, bit) for register in control_registers(verilog, dataflow.name)
            for bit in range(register.bits)]
    order = [bits[k % len(bits)] for k in range(trials)] if trials >= len(bits) else [
        bits[k] for k in sorted(rng.choice(len(bits), trials, replace=False))]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "core.v").write_text(verilog)
        plan = {**words, "seed": seed, "flips": order}
        (work / "plan.json").write_text(json.dumps(plan))
        runner = get_runner("icarus")
        runner.build(sources=[work / "core.v"], hdl_toplevel=dataflow.name, build_dir=work,
                     timescale=("1ns", "1ps"), build_args=["-Wno-timescale"])
        ran = runner.test(test_module="bench.upsets_inside", hdl_toplevel=dataflow.name,
                              build_dir=work, test_dir=work, seed=seed,
                              extra_env={"QUANTLOOM_UPSETS": str(work)})
        if get_results(ran)[1]:
            raise QuantloomError(f"seed {seed}: a frame behind a reset was wrong, see above")
        return json.loads((work / "outcomes.json").read_text())


def frame_words(design: Design, count: int, seed: int) -> dict[str, list[list[int]]]:
    """Random frames and what must come of them, as words of TDATA: ``inputs`` and ``outputs``."""
    rng = np.random.default_rng(seed)
    dataflow, x = design.dataflow, design.network.input
    frames = rng.integers(x.lo, x.hi + 1, (count, *x.shape))
    results = golden.run(design.network, frames)[design.network.output]
    return {side: [_words(frame, dataflow.streams[name].shape) for frame in values]
            for side, name, values in (("inputs", dataflow.input, frames),
                                       ("outputs", dataflow.output, results))}


def _words(values: np.ndarray, shape: Any) -> list[int]:
    """Beats as TDATA."""
    return [int.from_bytes(row.tobytes(), "little") for row in pack(values.reshape(-1, shape.lanes), shape)]


def table(outcomes: list[dict[str, Any]], bits: int) -> str:
    """Markdown table of what came of the upsets."""
    count = Counter(outcome["outcome"] for outcome in outcomes)
    lines = ["| outcome | upsets | share |", "|---|---:|---:|"]
    lines += [f"| {name}: {text} | {count[name]:,} | {count[name] / len(outcomes):.1%} |"
              for name, text in OUTCOMES.items()]
    return "\n".join(lines)
