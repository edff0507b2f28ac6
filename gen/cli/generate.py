"""``quantloom generate``: a model to Verilog."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dataflow.plan import INPUT
from ..design import DEFAULT_CLOCK, Design, design_file, stored_design
from ..errors import QuantloomError
from ..network import Network
from ..output import changed_files, check_output, file_hash, staged_output
from .folding import (
    Room,
    add_folding,
    choose_folding,
    estimate,
    part_room,
    print_estimate,
    target_cycles,
)
from .frames import random_frames, read_frames
from .options import add_input_grid, existing, input_grid
from .shell import add_shell, settle_shell
from .terminal import console, print_json, progress, table

if TYPE_CHECKING:
    from ...boards.parts import Part
    from ..shell import Surroundings

__all__ = ["build", "open_design", "register", "report"]

VECTORS = 3
"""Frames of the self-checking bench where no inputs are given."""


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "generate", help="turn a model into Verilog",
        description="Turn a quantised model into a directory with Verilog, the design, vectors "
        "and a self-checking test bench.")
    parser.add_argument("model", type=Path, metavar="MODEL",
                        help="an .onnx, .tflite or .qnet file, or a design.json to generate again")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT",
                        help="directory to write")
    parser.add_argument("--name", help="name of the top module (default: the model's file name)")
    parser.add_argument("--vectors", type=Path, metavar="X.npy",
                        help="inputs for the test bench (default: three random frames)")
    add_shell(parser)
    parser.add_argument("--vendor", action="store_true",
                        help="also write scripts for Vivado (vivado/), and an RTL black box with "
                        "a C++ model for Vitis HLS (hls/)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_folding(parser)
    add_input_grid(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if the speed that was asked for is missed."""
    around = settle_shell(arguments)
    source = design_file(existing(arguments.model))
    check_output(arguments.output, source)
    design = open_design(arguments)
    if arguments.vectors is None:
        frames = random_frames(design.network, VECTORS)
    else:
        frames = read_frames(design.network, arguments.vectors)
    room = part_room(arguments)
    build(design, arguments.output, frames, source=source, shell=arguments.shell,
          taps=arguments.taps, around=around, vendor=arguments.vendor,
          part=room[0] if room else None)
    target = target_cycles(arguments)
    missed = target is not None and design.dataflow.interval > target
    if arguments.json:
        print_json({**summary(design, arguments.output, arguments.clock),
                    **estimate(design, room),
                    "target_cycles": target, "target_missed": missed})
    else:
        report(design, arguments.output, arguments.clock, room)
        if missed:
            console.print(f"[bold red]The target of {target:,} cycles a frame is missed:[/] "
                          f"{design.dataflow.bottleneck.name} cannot be folded any faster.")
    return 1 if missed else 0


def open_design(arguments: argparse.Namespace) -> Design:
    """The design that the command line asks for."""
    path, grid = existing(arguments.model), input_grid(arguments)
    if (design := stored_design(path, grid=grid is not None)) is not None:
        network, source, stored_foldings = design.network, design.source, design.foldings
        arguments.clock = arguments.clock or design.clock
        if arguments.name:
            network.name = module_name(network, arguments.name)
    else:
        from ..frontends import door, load  # half of the time that a command takes to start

        network = load(path, input_grid=grid)
        network.name = module_name(network, arguments.name or path.name.split(".")[0])
        source = {"file": path.name, "sha256": file_hash(path), "door": door(path)}
        stored_foldings = None
        arguments.clock = arguments.clock or DEFAULT_CLOCK
    return choose_folding(network, stored_foldings, source, arguments)


def module_name(network: Network, text: str) -> str:
    """A Verilog identifier close to a text that no block of the network bears."""
    from ..frontends.names import Names

    name = Names().take(text, "network")
    while any(f"{name}_".startswith(f"{op.name}_") for op in network.ops):
        name = f"{name}_top" if not name.endswith("_top") else f"top_{name}"
    return name


def build(design: Design, out: Path, frames: np.ndarray, *, source: Path | None = None,
          shell: str | None = None, taps: bool = True, around: Surroundings | None = None,
          vendor: bool = False, part: Part | None = None) -> None:
    """Write the output directory of a design.

    Parameters
    ----------
    design : Design
    out : Path
    frames : array of int, (frames, height, width, channels)
        Inputs for the test bench.
    source : Path or None
        The design.json that this is made from, if it lies in ``out``.
    shell : str or None
        Kind of shell to write beside the accelerator.
    taps : bool
        Whether streams and FIFOs can be looked at through the shell.
    around : Surroundings or None
        What the shell is made for.
    vendor : bool
        Whether scripts for Vivado and a black box of Vitis HLS are written, too.
    part : Part or None
        That these are for.
    """
    # The simulators are of no use to who only loads models: import them late.
    from ...sim import golden
    from ...sim.packing import pack
    from ...sim.testbench import write_testbench
    from ..emit import to_verilog
    from ..report.histograms import FRAMES, Activations
    from ..report.record import new_record, write_record
    from ..shell import write_shell
    from ..synth.makefile import write_makefile
    from ..vendor import write_hls, write_vivado

    with progress("lowering") as update, staged_output(out, source) as directory:
        dataflow = design.dataflow
        update(text="emitting Verilog")
        (directory / "rtl").mkdir()
        (directory / "rtl" / f"{dataflow.name}.v").write_text(to_verilog(dataflow))
        if shell is not None:
            update(text="emitting the shell")
            write_shell(design, directory, shell, taps=taps, around=around)
        if vendor:
            update(text="emitting for vendor tools")
            write_hls(design, directory)
            write_vivado(design, directory, part)
        write_makefile(dataflow, directory, design.clock)
        update(text="writing vectors")
        design.save(directory)
        outputs = golden.run(design.network, frames)[design.network.output]

        def words(stream: str, values: np.ndarray) -> np.ndarray:
            shape = dataflow.streams[stream].shape
            return pack(values.reshape(-1, shape.lanes), shape)

        write_testbench(dataflow, words(dataflow.input, frames),
                        words(dataflow.output, outputs), directory)
        update(text="writing the report")
        activations = Activations(design)
        for frame in frames[:FRAMES]:
            activations.add(golden.run(design.network, frame[None], keep=True))
        write_record(directory, new_record(design, activations=activations, directory=directory))


def rate(cycles: float, clock: float) -> float:
    """Frames a second at a clock in MHz."""
    return clock * 1e6 / cycles


def summary(design: Design, out: Path, clock: float) -> dict[str, Any]:
    """What was generated, for machines."""
    flow = design.dataflow
    return {
        "output": str(out), "name": flow.name, "verilog": f"rtl/{flow.name}.v",
        "interval_cycles": flow.interval, "bottleneck": flow.bottleneck.name,
        "clock_mhz": clock, "images_per_second": rate(flow.interval, clock),
        "macs": design.network.macs(), "blocks": len(flow.blocks),
        "host": list(design.network.host), "foldings": dict(design.foldings),
    }


def report(design: Design, out: Path, clock: float, room: Room | None = None) -> None:
    """Print what was generated."""
    flow, network = design.dataflow, design.network
    layers = table("layer", "output", "type", ">MACs", "folding", ">cycles")
    rows = [(INPUT, network.input, 0)]
    rows += [(op.name, network.tensors[op.name], op.macs(*network.inputs_of(op)))
             for op in network.ops]
    for name, tensor, macs in rows:
        cycles = [b.params.cycles for b in flow.blocks.values() if b.layer == name]
        folding = "  ".join(f"{k} {v}" for k, v in design.foldings.get(name, {}).items())
        layers.add_row(name, "x".join(map(str, tensor.shape)), str(tensor.type),
                       f"{macs:,}" if macs else "", folding,
                       f"{max(cycles):,}" if cycles else "")
    console.print(layers)
    console.print(f"\n{flow.interval:,} cycles a frame ({flow.bottleneck.name} is the slowest): "
                  f"{rate(flow.interval, clock):,.0f} images/s at {clock:g} MHz, "
                  f"{network.macs():,} MACs a frame")
    print_estimate(design, room)
    for note in network.host:
        console.print(f"left to the host: {note}")
    console.print(f"wrote {out}/: rtl/{flow.name}.v, design.json, vectors/, tb/, report.html\n"
                  f"next: quantloom simulate {out}")


def open_generated(path: Path) -> tuple[Design, Path]:
    """A design, and its directory with the Verilog that was generated from it.

    Parameters
    ----------
    path : Path
        The directory, or its design.json.

    Raises
    ------
    QuantloomError
        If there is no design, or design.json was edited and the Verilog not generated again.
    """
    design = Design.load(existing(path))
    directory = path if path.is_dir() else path.parent
    edited = [name for name in changed_files(directory)
              if name in ("design.json", "weights.npz")]
    if edited:
        raise QuantloomError(
            f"{directory / edited[0]} was edited since the Verilog was generated; run "
            f"'quantloom generate {directory / 'design.json'} -o {directory}' first")
    return design, directory
