"""``quantloom demo``: the embedded digit classifier, from model to proof."""

from __future__ import annotations

import argparse
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..dataflow.fold import fold
from ..design import DEFAULT_CLOCK, Design
from ..errors import QuantloomError
from ..network.convert import inputs_to_integers, integers_to_source
from ..output import check_output, file_hash
from ..report.record import PAGE
from .generate import build, rate, report, summary
from .options import positive_real
from .simulate import print_report, simulate_design
from .terminal import console, print_json

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo", help="build and prove the embedded digit classifier",
        description="Generate the embedded digit classifier, simulate its Verilog on all held-out "
        "images with every layer checked, and print accuracy and speed.")
    parser.add_argument("-o", "--output", type=Path, default=Path("quantloom-demo"), metavar="OUT",
                        help="directory to write (default %(default)s)")
    parser.add_argument("--clock", type=positive_real, default=DEFAULT_CLOCK, metavar="MHZ",
                        help="clock in MHz (default %(default)g)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if anything differs."""
    started = time.monotonic()
    check_output(arguments.output)
    assets = Path(str(files("quantloom.gen") / "assets"))
    model = assets / "digits.onnx"
    try:
        with np.load(assets / "digits_test.npz", allow_pickle=False) as stored:
            images, labels = stored["images"], stored["labels"]
    except (OSError, KeyError, ValueError) as error:
        raise QuantloomError(f"{assets}: the installation is damaged: {error}") from error

    from ..frontends import door, load

    network = load(model)
    network.name = "digits"
    design = Design(network, fold(network),
                    {"file": model.name, "sha256": file_hash(model), "door": door(model)},
                    arguments.clock)
    frames = inputs_to_integers(network, images)
    build(design, arguments.output, frames[:3])
    if not arguments.json:
        console.print("[bold]Digits[/]: a classifier of handwritten digits, 8x8 pixels, 4-bit "
                      "first and last layers, binary ones between\n")
        report(design, arguments.output, arguments.clock)
        console.print()
    result = simulate_design(design, arguments.output, frames, engine="verilator", stress=False,
                             seed=0)
    scores = integers_to_source(network, result.outputs).reshape(len(result.outputs), -1)
    correct = int((scores.argmax(axis=1) == labels[: len(scores)]).sum())
    seconds = time.monotonic() - started
    if arguments.json:
        print_json({**summary(design, arguments.output, arguments.clock), **result.to_json(),
                    "images": len(images), "correct": correct,
                    "accuracy": correct / len(images), "seconds": round(seconds, 1)})
    else:
        print_report(result, arguments.clock)
        console.print(f"accuracy of the hardware: {correct} of {len(images)} held-out images, "
                      f"{correct / len(images):.1%}")
        if result.interval_cycles:
            speed = rate(result.interval_cycles, arguments.clock)
            console.print(f"[bold]{speed:,.0f} images/s[/] at {arguments.clock:g} MHz; "
                          f"done in {seconds:.0f} s; all files are in {arguments.output}/")
        console.print(f"open {arguments.output / PAGE} for dataflow, area, speed and proof on one "
                      "page", markup=False)
    return 0 if result.ok else 1
