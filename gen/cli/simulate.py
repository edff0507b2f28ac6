"""``quantloom simulate``: the emitted Verilog against the golden model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...boards.target import Target
from ..design import Design
from ..errors import QuantloomError
from ..estimate.activity import ACTIVITY, Activity
from ..network.convert import integers_to_source
from ..output import add_file
from .frames import add_frames, chosen_frames, save_array
from .generate import open_generated, rate
from .options import add_workers, named_part, natural, positive_real
from .terminal import console, error, print_json, progress

if TYPE_CHECKING:
    from ...boards.driver import DeviceReport
    from ...sim.report import Report

__all__ = ["print_counters", "print_report", "register", "simulate_design"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "simulate", help="prove a design's Verilog against the golden model",
        description="Simulate the Verilog of a design and compare every stream between its "
        "blocks with the golden integer model, integer for integer.")
    parser.add_argument("design", type=Path, metavar="OUT",
                        help="directory that 'quantloom generate' wrote")
    add_frames(parser)
    parser.add_argument("--engine", choices=["verilator", "cxxrtl", "icarus"],
                        help="simulator (default verilator)")
    parser.add_argument("--netlist", metavar="PART",
                        help="simulate the netlist that 'quantloom synth --part PART --netlist' "
                        "wrote, its output alone compared (engine: icarus)")
    parser.add_argument("--stress", action="store_true",
                        help="random pauses at both ends instead of flat out")
    parser.add_argument("--seed", type=natural, default=0, metavar="N",
                        help="of pauses and random frames (default %(default)s)")
    parser.add_argument("--clock", type=positive_real, metavar="MHZ",
                        help="clock in MHz, for images/s (default: the design's)")
    parser.add_argument("--activity", action="store_true",
                        help="count how often nets change, block by block, while these frames "
                        "go through, into OUT/activity.json: what the estimate of power takes")
    parser.add_argument("--saif", type=Path, metavar="FILE",
                        help="write the same net by net, as SAIF for other tools")
    parser.add_argument("--junit", type=Path, metavar="FILE",
                        help="write the result as JUnit XML, a test case for each stream")
    add_workers(parser, "this process, all frames in one go")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if anything differs or the design gets stuck."""
    design, directory = open_generated(arguments.design)
    for target in (arguments.outputs, arguments.saif, arguments.junit):
        if target is not None and not target.absolute().parent.is_dir():
            raise QuantloomError(f"{target}: there is no such directory to write to")
    counts = arguments.activity or arguments.saif is not None
    if counts:
        for option, given in (("--stress", arguments.stress), ("--netlist", arguments.netlist),
                              ("--engine", arguments.engine not in (None, "verilator"))):
            if given:
                raise QuantloomError("activity is counted on the emitted Verilog, flat out, by "
                                     f"Verilator: leave out {option}")
    shared = arguments.workers is not None or arguments.scheduler is not None
    if shared and (counts or arguments.netlist):
        raise QuantloomError("activity and netlists are simulated in one piece: leave out "
                             "--workers and --scheduler")
    frames = chosen_frames(design.network, arguments)
    target = None if arguments.netlist is None else Target.of_part(named_part(arguments.netlist))
    if shared:
        from .shards import simulate_in_pieces

        report = simulate_in_pieces(design, directory, frames, arguments)
    else:
        report = simulate_design(
            design, directory, frames, target=target, stress=arguments.stress,
            seed=arguments.seed, engine=arguments.engine or ("icarus" if target else "verilator"))
    if arguments.outputs is not None:
        save_array(arguments.outputs, integers_to_source(design.network, report.outputs))
    if arguments.junit is not None:
        from ...sim.junit import to_junit

        arguments.junit.write_text(to_junit(report, design.network.name))
    written = [path for path in (arguments.outputs, arguments.junit) if path is not None]
    activity = None
    if counts and report.ok:
        activity = _count(design, directory, frames, report, arguments)
        written += [directory / ACTIVITY] if arguments.activity else []
        written += [arguments.saif] if arguments.saif is not None else []
    if arguments.json:
        print_json({"design": str(directory), **report.to_json(),
                    **({"activity": activity.to_json()} if activity else {})})
    else:
        print_report(report, arguments.clock or design.clock)
        if activity is not None:
            rates = ", ".join(f"{kind} {t.toggles / (t.bits * activity.cycles):.3f}"
                              for kind, t in activity.total().items())
            console.print(f"activity over {activity.frames} frames, {activity.cycles:,} cycles, "
                          f"in changes a bit and cycle: {rates}")
        for path in written:
            console.print(f"wrote {path}", markup=False)
    return 0 if report.ok else 1


def _count(design: Design, directory: Path, frames: np.ndarray, report: Report,
           arguments: argparse.Namespace) -> Activity:
    """Count activity and write the files that are asked for."""
    from ...sim.activity import count_activity, simulate_traced

    verilog = _verilog(design, directory)
    with progress("counting activity") as update:
        def on_progress(stage: str, done: int, total: int) -> None:
            update(done, total, {"compile": "compiling to count"}.get(stage, "counting activity"))

        saif = simulate_traced(design.dataflow, verilog, frames, report, on_progress)
        activity = count_activity(design.dataflow, verilog, saif, len(frames))
    if arguments.saif is not None:
        # Two units of time are a clock cycle.
        saif.write(arguments.saif, round(5e5 / (arguments.clock or design.clock)))
    if arguments.activity:
        add_file(directory, ACTIVITY, json.dumps(activity.to_json(), indent=1) + "\n")
    return activity


def _verilog(design: Design, directory: Path) -> Path:
    return directory / "rtl" / f"{design.network.name}.v"


def require_netlist(design: Design, directory: Path, target: Target) -> Path:
    """The netlist of a design for a part.

    Raises
    ------
    QuantloomError
        If there is none, or it was made of other Verilog.
    """
    netlist = directory / "build" / target.name / f"{design.network.name}_netlist.v"
    remedy = f"run 'quantloom synth {directory} --part {target.title} --netlist' first"
    if not netlist.is_file():
        raise QuantloomError(f"{netlist}: no netlist there; {remedy}")
    if netlist.stat().st_mtime < _verilog(design, directory).stat().st_mtime:
        raise QuantloomError(f"{netlist}: older than the Verilog; {remedy}")
    return netlist


def simulate_design(design: Design, directory: Path, frames: np.ndarray, *, engine: str,
                    stress: bool, seed: int, target: Target | None = None,
                    recorded: bool = True) -> Report:
    """Simulate the Verilog in a design's directory, or a netlist of it, with a progress bar.

    Parameters
    ----------
    design : Design
    directory : Path
    frames : array of int, (frames, height, width, channels)
    engine : str
    stress : bool
    seed : int
    target : Target or None
        Whose netlist is simulated; None: the Verilog.
    recorded : bool
        Whether the report of the directory is to show what the simulation of its Verilog showed.
    """
    from ...sim.simulate import engine_version, simulate
    from ..report.histograms import Activations
    from ..report.record import refresh, verification

    activations = Activations(design)
    verilog = _verilog(design, directory)

    with progress("simulating") as update:
        def on_progress(stage: str, done: int, total: int) -> None:
            text = {"compile": f"compiling ({engine})", "simulate": "simulating frames"}
            update(done, total, text.get(stage, stage))

        if target is not None:
            from ...sim.cells import netlist_models

            netlist = require_netlist(design, directory, target)
            models = netlist_models(netlist.parent, target.part.architecture)
            return simulate(design.dataflow, netlist, frames, engine=engine, stress=stress,
                            seed=seed, on_progress=on_progress,
                            libraries=[models], ports_only=True)
        report = simulate(design.dataflow, verilog, frames, engine=engine, stress=stress,
                          seed=seed, on_progress=on_progress, on_tensors=activations.add)
    if recorded:
        for note in refresh(directory, design, activations=activations.to_json("simulation"),
                            verification=verification(report, engine_version(engine), verilog)):
            error(note)
    return report


def print_report(report: Report, clock: float) -> None:
    """Print what a simulation showed."""
    layers, streams = len(report.layers_checked), len(report.streams)
    if report.ok:
        console.print(f"[bold green]equal[/]: {report.frames} frames, {layers} layers on "
                      f"{streams} streams, every integer ({report.engine}"
                      f"{', under stress' if report.stress else ''})")
    else:
        console.print(f"[bold red]not equal[/]: {report.mismatches:,} mismatching beats, "
                      f"{report.frames} of {report.frames_requested} frames came out "
                      f"({report.engine}, seed {report.seed})")
        if report.first_mismatch is not None:
            console.print(f"first: {report.first_mismatch}", markup=False)
        if report.deadlock is not None:
            console.print(f"dead-lock: {report.deadlock}", markup=False)
    print_counters(report, clock)


def print_counters(report: Report | DeviceReport, clock: float) -> None:
    """Print speed, latency and FIFO levels of a run, simulated or on a device."""
    if report.interval_cycles:
        console.print(f"{report.interval_cycles:,.0f} cycles a frame in the steady state: "
                      f"{rate(report.interval_cycles, clock):,.0f} images/s at {clock:g} MHz")
    if report.latency_cycles:
        console.print(f"latency {report.latency_cycles:,} cycles "
                      f"({report.latency_cycles / clock:,.1f} us)")
    if report.fifo_high_water:
        marks = ", ".join(f"{name} {mark}/{depth}"
                          for name, (mark, depth) in report.fifo_high_water.items())
        console.print(f"FIFO high-water marks: {marks}", markup=False)
