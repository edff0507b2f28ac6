"""``quantloom run``: frames through the hardware on a board."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..design import Design
from ..network.convert import integers_to_source
from .frames import add_frames, chosen_frames, save_array
from .options import existing, natural, positive_real
from .simulate import print_counters
from .terminal import console, print_json, progress

if TYPE_CHECKING:
    from ...boards.driver import Accelerator, DeviceReport

__all__ = ["compare", "register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run", help="run frames on a board and compare with the golden model",
        description="Send frames through the accelerator on a board, on which this command runs or "
        "at whose serial line it is, and compare what comes out with the golden integer model, "
        "integer for integer.")
    parser.add_argument("design", type=Path, metavar="OUT",
                        help="directory that 'quantloom generate --shell' wrote, with the design "
                        "that is on the chip")
    parser.add_argument("--device", required=True, metavar="NAME",
                        help="uioN; mem or pynq, with @ADDRESS where the registers are not at "
                        "the shell's own address; or the serial port of a serial shell")
    parser.add_argument("--buffer", default="udmabuf0", metavar="NAME",
                        help="DMA memory: a u-dma-buf, or a reserved range as ADDRESS+SIZE "
                        "(default %(default)s)")
    parser.add_argument("--set-clock", type=positive_real, metavar="MHZ",
                        help="set FCLK0 of a Zynq first, to at most this")
    add_frames(parser)
    parser.add_argument("--layers", action="store_true",
                        help="capture the streams between layers, too, for the first frame")
    parser.add_argument("--seed", type=natural, default=0, metavar="N",
                        help="of random frames (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if anything differs."""
    from ...boards.driver import Accelerator
    from ...boards.driver.clock import SLCR_BASE, set_clock
    from ...boards.driver.devices import open_device
    from ...boards.driver.linux import map_words
    from ...boards.driver.registers import read_map

    directory = existing(arguments.design)
    design = Design.load(directory)
    frames = chosen_frames(design.network, arguments)
    clock = design.clock
    if arguments.set_clock is not None:
        clock = set_clock(map_words(SLCR_BASE), arguments.set_clock).mhz
    transport = open_device(arguments.device, read_map(directory), buffer=arguments.buffer)
    accelerator = Accelerator(directory, transport)
    with progress("running"):
        report, result = compare(design, accelerator, frames, layers=arguments.layers)
    if arguments.outputs is not None:
        save_array(arguments.outputs, integers_to_source(design.network, report.outputs))
    if arguments.json:
        print_json({"design": str(directory), "device": arguments.device, **result})
    else:
        print_result(report, result, clock, arguments.device)
    return 0 if result["mismatches"] == 0 else 1


def compare(design: Design, accelerator: Accelerator, frames: np.ndarray, *,
            layers: bool = False) -> tuple[DeviceReport, dict[str, Any]]:
    """Run frames and hold the result against the golden model.

    Parameters
    ----------
    design : Design
    accelerator : Accelerator
    frames : array of int, (frames, height, width, channels)
    layers : bool
        Whether the streams between layers are captured for the first frame.

    Returns
    -------
    DeviceReport
    dict
        What the command prints as JSON: ``mismatches`` (elements), ``first_mismatch``,
        ``layers`` (mismatching elements by stream), counters.
    """
    from ...sim import golden
    from ...sim.expected import expected_beats

    report = accelerator.run(frames)
    expected = golden.run(design.network, frames)[design.network.output]
    wrong = report.outputs != expected
    first = None
    if wrong.any():
        place = tuple(int(k) for k in np.argwhere(wrong)[0])
        first = {"frame": place[0], "position": list(place[1:3]), "channel": place[3],
                 "expected": int(expected[place]), "got": int(report.outputs[place])}
    checked: dict[str, int] = {}
    if layers:
        dataflow = design.dataflow
        tensors = golden.run(dataflow.network, frames[:1], keep=True)
        beats = expected_beats(dataflow, {name: value[0] for name, value in tensors.items()})
        for stream in accelerator.streams:
            checked[stream] = int((accelerator.capture(stream, frames[0])
                                   != beats[stream]).sum())
    return report, {
        "frames": report.frames, "mismatches": int(wrong.sum()) + sum(checked.values()),
        "first_mismatch": first, "layers": checked, "cycles": report.cycles,
        "interval_cycles": report.interval_cycles, "latency_cycles": report.latency_cycles,
        "fifo_high_water": {name: list(mark) for name, mark in report.fifo_high_water.items()},
    }


def print_result(report: DeviceReport, result: dict[str, Any], clock: float, device: str) -> None:
    """Print what a run showed."""
    if result["mismatches"] == 0:
        also = f", {len(result['layers'])} streams between layers" if result["layers"] else ""
        console.print(f"[bold green]equal[/]: {report.frames} frames{also}, every integer "
                      f"({device})")
    else:
        console.print(f"[bold red]not equal[/]: {result['mismatches']:,} elements of "
                      f"{report.frames} frames ({device})")
        if (first := result["first_mismatch"]) is not None:
            console.print(f"first: frame {first['frame']}, row {first['position'][0]}, column "
                          f"{first['position'][1]}, channel {first['channel']}: expected "
                          f"{first['expected']}, got {first['got']}", markup=False)
        for stream, count in result["layers"].items():
            if count:
                console.print(f"stream {stream}: {count:,} elements differ", markup=False)
    print_counters(report, clock)
