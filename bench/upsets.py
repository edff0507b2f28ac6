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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from quantloom.gen.cli.terminal import console
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import (
    Add,
    Conv2d,
    Dense,
    MaxPool,
    Network,
    Pad,
    Tensor,
    Threshold,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType
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
    beats = pack(values.reshape(-1, shape.lanes), shape)
    return [int.from_bytes(row.tobytes(), "little") for row in beats]


def table(outcomes: list[dict[str, Any]]) -> str:
    """Markdown table of what came of upsets."""
    count = Counter(outcome["outcome"] for outcome in outcomes)
    lines = ["| outcome | upsets | share |", "|---|---:|---:|"]
    lines += [f"| {name}: {text} | {count[name]:,} | {count[name] / len(outcomes):.1%} |"
              for name, text in OUTCOMES.items()]
    return "\n".join(lines)


def skip_network() -> Network:
    """Two convolutions, a skip around the second one, pooling, dense; 6 x 6 x 3 inputs."""
    rng = np.random.default_rng(0)

    def conv(name: str, source: str, channels: int) -> Conv2d:
        weights = BIPOLAR.decode(rng.integers(0, 2, (3, 3, channels, 4)))
        return Conv2d(name=name, inputs=(source,), weights=weights, weight_type=BIPOLAR)

    def act(name: str, source: str) -> Threshold:
        return Threshold(name=name, inputs=(source,), type=IntType(2), base=0,
                         thresholds=np.sort(rng.integers(-8, 9, (4, 3)), axis=1))

    return Network("skips", Tensor.full((6, 6, 3), IntType(3)), [
        conv("conv1", "input", 3), act("act1", "conv1"),
        Pad(name="pad", inputs=("act1",), pads=(1, 1, 1, 1)),
        conv("conv2", "pad", 4), act("act2", "conv2"),
        Add(name="skip", inputs=("act1", "act2"), multipliers=(1, 1)),
        MaxPool(name="pool", inputs=("skip",), kernel=(2, 2), stride=(2, 2)),
        Dense(name="fc", inputs=("pool",), weights=rng.integers(-3, 4, (16, 5)),
              weight_type=IntType(3, True)),
    ])  # fmt: skip


DOCUMENT = """\
# Faults

What the hardware does when something goes wrong, and what shows it.

## Reset

Formal proofs of the blocks ([formal.md](formal.md)) begin with one cycle of reset in any state of
all registers and memories: behind a reset, every block keeps its contract, whatever it was doing.
`tests/faults` resets whole accelerators at random moments, under gaps and back-pressure;
`tests/shell` does so through the shell's registers. The next frame is right.

## Back-pressure

If the output is never taken, the accelerator fills up and stops taking input. Nothing is lost: when
the output is taken again, all frames come. The proofs say so of each block (`holds`, `drains`),
`tests/faults` tries it on a whole network.

## Frames of a wrong length

| | early TLAST | late TLAST |
|---|---|---|
| accelerator alone | counts beats, TLAST at its input means nothing: the next frame begins in the \
beat behind | the same |
| with a shell | `in_early`; the frame is filled up with zeros, the next one is right | `in_late`; \
the rest is dropped, the next one is right |
| output job of another length | `out_late` where the frame is longer, `out_early` where it is \
shorter; nothing beside the job's memory is written, the next frame is right | |

So who uses the accelerator without a shell sends whole frames, or resets it behind a broken one:
its ports have no place for a flag. The shell's flags are tested in `tests/shell` (`wrong_lengths`).

## Single-event upsets

Every bit of every control register (counters, flags, places in rings: what a reset sets) of a small
network with a skip connection is inverted once, at a random moment while frames go through
({registers} registers, {bits} bits; `python -m bench.upsets --write docs/faults.md`, seed {seed},
{trials} upsets, Verilog in Icarus, input always offered, output always taken). Without exception
the frame behind a reset was right. Until then:

{table}

Wrong frames in the last two rows carry no mark: only their values tell. Where that matters, let the
host send a frame with a known result now and then, and reset when it comes out wrong. Registers of
data (payloads, sums, memories) were not inverted: such an upset passes with the elements it hit,
but for the content of a ROM, which is loaded with the bitstream alone.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.upsets")
    parser.add_argument("--trials", type=int, help="upsets; each bit once if left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write the document to this file")
    options = parser.parse_args()
    network = skip_network()
    design = Design(network, fold(network, 200))
    registers = control_registers(to_verilog(design.dataflow), design.dataflow.name)
    bits = sum(register.bits for register in registers)
    trials = options.trials or bits
    outcomes = run_upsets(design, trials, options.seed)
    text = DOCUMENT.format(registers=len(registers), bits=bits, seed=options.seed, trials=trials,
                           table=table(outcomes))
    console.print(table(outcomes))
    if options.write:
        options.write.parent.mkdir(exist_ok=True)
        options.write.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
