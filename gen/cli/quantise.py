"""``quantloom quantise``: a float model to an integer network, at given or found bit widths."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..design import DEFAULT_CLOCK
from ..errors import QuantloomError
from .folding import target_cycles
from .options import (
    add_input_grid,
    existing,
    input_grid,
    named_part,
    percentage,
    positive,
    positive_real,
    share,
)
from .terminal import console, print_json, progress, table

if TYPE_CHECKING:
    import numpy as np

    from ..quantise import Formats, Prepared, Quantised
    from ..quantise.search import Found

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "quantise", help="turn a float model into an integer network",
        description="Quantise and prune a float ONNX model, at given bit widths or at the "
        "cheapest that keep an accuracy. The result is a model like any other.")
    parser.add_argument("model", type=Path, metavar="MODEL", help="a float .onnx file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.qnet",
                        help="file to write: the integer network, and what was done")
    parser.add_argument("--qonnx", type=Path, metavar="OUT.onnx",
                        help="also write it as a QONNX graph, for other tools")
    parser.add_argument("--calibration", type=Path, metavar="X.npy",
                        help="inputs of the model, .npy or .npz (FILE:ARRAY), that scales follow")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    _add_formats(parser)
    _add_search(parser)
    add_input_grid(parser)
    parser.set_defaults(run=run)


def _add_formats(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "formats", "What layers are quantised to; the options hold for layers of which the TOML "
        "file says nothing.")
    group.add_argument("--formats", type=Path, metavar="FILE.toml",
                       help="tables [default] and [layers.NAME] with weights, activations, scale, "
                       "power_of_two, overflow, sparsity, channels_pruned")
    group.add_argument("--weights", type=positive, metavar="N", help="bits, 1 to 8 (default 8)")
    group.add_argument("--activations", type=positive, metavar="N", help="the same of results")
    group.add_argument("--scale", choices=("channel", "tensor"),
                       help="what has a weight scale of its own (default channel)")
    group.add_argument("--power-of-two", action="store_const", const=True,
                       help="scales are powers of two")
    group.add_argument("--overflow", choices=("saturate", "wrap"),
                       help="what becomes of results that are out of range (default saturate)")
    group.add_argument("--sparsity", type=share, metavar="PERCENT",
                       help="share of each layer's weights that are set to zero")
    group.add_argument("--channels-pruned", type=share, metavar="PERCENT",
                       help="share of each layer's outputs that are removed")
    group.add_argument("--retrain", metavar="COMMAND",
                       help="train at these formats instead: the command is given a request "
                       "(JSON) and the QONNX file to write, as examples/digits_bits does")


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "search", "Find the cheapest widths of weights and results that keep an accuracy.")
    group.add_argument("--accuracy", type=percentage, metavar="PERCENT", help="what is kept")
    group.add_argument("--labelled", type=Path, metavar="DATA.npz",
                       help="arrays 'images' (or 'x', 'inputs') and 'labels'; without --accuracy, "
                       "what to measure the accuracy with")
    group.add_argument("--part", metavar="PART", help="part to fold for")
    group.add_argument("--cost", choices=("lut", "energy", "cycles"), default="lut",
                       help="what is kept small (default %(default)s)")
    speed = group.add_mutually_exclusive_group()
    speed.add_argument("--cycles", type=positive, metavar="N", help="cycles a frame at most")
    speed.add_argument("--fps", type=positive_real, metavar="F", help="frames a second at least")
    group.add_argument("--clock", type=positive_real, metavar="MHZ", default=DEFAULT_CLOCK,
                       help="clock in MHz (default %(default)g)")


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if no widths keep the accuracy, or those that are given do not."""
    # Reading models takes half of the time that a command takes to start.
    from ..quantise import command_hook, prepare, retrain
    from ..quantise.calibration import read_array

    for option, path in (("-o", arguments.output), ("--qonnx", arguments.qonnx)):
        if path is not None and not path.parent.is_dir():
            raise QuantloomError(f"{option} {path}: there is no directory {path.parent}")
    path, formats = existing(arguments.model), _formats(arguments)
    data = None if arguments.calibration is None else read_array(
        arguments.calibration, ("calibration", "x", "images", "inputs"))
    with progress("calibrating") as update:
        prepared = prepare(path, data, input_grid=input_grid(arguments), update=update)
    labelled = _labelled(arguments, prepared)
    found = None
    if arguments.accuracy is not None:
        found = _search(arguments, prepared, formats, labelled)
        formats = found.formats
    if arguments.retrain is not None:
        with progress("training"):
            done = retrain(path, prepared, formats, command_hook(arguments.retrain))
    else:
        done = prepared.quantise(formats)
    reached = _accuracy(done, labelled)
    done.save(arguments.output)
    if arguments.qonnx is not None:
        done.save_qonnx(arguments.qonnx)
    value = {"model": str(path), "output": str(arguments.output), **done.to_json(),
             "accuracy": reached, "search": None if found is None else found.to_json()}
    if found is not None:
        report = arguments.output.with_suffix(".search.json")
        report.write_text(json.dumps(value["search"], indent=1) + "\n")
    if arguments.json:
        print_json(value)
    else:
        _print(arguments, done, reached, found)
    return 1 if found is not None and reached is not None and reached < arguments.accuracy else 0


def _formats(arguments: argparse.Namespace) -> Formats:
    from ..quantise import Formats

    formats = Formats() if arguments.formats is None else Formats.read(existing(arguments.formats))
    given = {name: getattr(arguments, name) for name in vars(formats.default)
             if getattr(arguments, name) is not None}
    return replace(formats, default=replace(formats.default, **given))


def _labelled(arguments: argparse.Namespace, prepared: Prepared,
              ) -> tuple[np.ndarray, np.ndarray] | None:
    from ..quantise.calibration import frames_for, read_array

    if arguments.labelled is None:
        if arguments.accuracy is not None:
            raise QuantloomError("--accuracy needs --labelled: inputs and labels to measure it")
        return None
    frames = frames_for(prepared.graph, read_array(arguments.labelled), str(arguments.labelled))
    labels = read_array(arguments.labelled, ("labels", "y"), strict=True)
    return frames, labels


def _accuracy(done: Quantised, labelled: tuple[np.ndarray, np.ndarray] | None) -> float | None:
    from ...sim.accuracy import accuracy

    return None if labelled is None else accuracy(done.network, *labelled)


def _search(arguments: argparse.Namespace, prepared: Prepared, formats: Formats,
            labelled: tuple[np.ndarray, np.ndarray] | None) -> Found:
    from ...sim.accuracy import accuracy
    from ..quantise.cost import cost_function
    from ..quantise.search import search

    assert labelled is not None
    if arguments.part is None:
        raise QuantloomError("--accuracy needs --part: what the network is to be folded for")
    if formats.layers:
        raise QuantloomError("--accuracy finds the widths of layers: leave out the tables "
                             "[layers.NAME] of --formats")
    part, target = named_part(arguments.part), target_cycles(arguments)
    cost = cost_function(arguments.cost, part, target, clock=arguments.clock)
    with progress("searching") as update:
        return search(prepared.knobs, lambda tried: prepared.quantise(tried).network,
                      lambda network: accuracy(network, *labelled), cost, arguments.accuracy,
                      base=formats.default, update=update)


def _print(arguments: argparse.Namespace, done: Quantised, reached: float | None,
           found: Found | None) -> None:
    from ..quantise.cost import COSTS

    rows = table("layer", ">weights", ">results", "quantiser", ">number", ">zeros", ">outputs",
                 ">removed")
    for layer in done.layers:
        kind = layer.quantiser if layer.scale is None else f"{layer.quantiser}, per {layer.scale}"
        rows.add_row(layer.name, _bits(layer.weight_bits), _bits(layer.activation_bits), kind,
                     f"{layer.weights:,}" if layer.weights else "",
                     f"{layer.zeros:.0%}" if layer.weights else "",
                     f"{layer.outputs:,}" if layer.outputs else "",
                     f"{layer.outputs_removed:,}" if layer.outputs_removed else "")
    console.print(rows)
    if reached is not None:
        console.print(f"\naccuracy: {reached:.2%} on {arguments.labelled}", markup=False)
    if found is not None:
        for name, trial in (("found", found.best), ("uniform widths", found.uniform)):
            console.print(f"{name}: {trial.cost:,.6g} {COSTS[arguments.cost]}, accuracy "
                          f"{trial.accuracy:.2%}", markup=False)
    console.print(f"\n{arguments.output}: {done.network.macs():,} MACs a frame; go on with "
                  f"'quantloom generate {arguments.output}'", markup=False)


def _bits(bits: int | None) -> str:
    return "" if bits is None else f"{bits} bit"
