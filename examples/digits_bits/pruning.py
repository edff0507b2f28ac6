"""What pruning saves: the digit classifier at 4 bits, whole and pruned, down to the netlist.

``python pruning.py OUT`` quantises, generates, simulates and synthesises each variant in ``OUT``,
folded for the same cycles a frame, and prints a table. The pruned models are retrained;
``--retrain`` makes them first (needs requirements.txt), else those in this folder are taken.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from curves import GRID, HERE, test_part

from quantloom.gen.quantise import Formats, command_hook, load_retrained, prepare, retrain
from quantloom.sim.accuracy import accuracy

VARIANTS = {
    "4": {}, "sparse": {"sparsity": 0.6}, "narrow": {"channels_pruned": 0.4},
}
"""Formats by the name of the retrained model."""

CYCLES = 128
"""A frame takes as many: at this speed weights are constants of the hardware."""


def command(*words):
    """Run a command of Quantloom and return what it prints as JSON; a misfit stops everything."""
    done = subprocess.run([sys.executable, "-m", "quantloom", *map(str, words), "--json"],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measured(model, out, cycles):
    """Estimate and netlist of a variant that was proven equal."""
    command("generate", model, "-o", out, "--cycles", cycles, "--part", "xc7z010")
    report = command("simulate", out, "--frames", 8)
    assert report["mismatches"] == 0
    estimated = command("estimate", out, "--part", "xc7z010")["total"]["resources"]
    netlist = command("synth", out, "--part", "xc7z010", "--netlist")["resources"]
    return report["interval_cycles"], estimated, netlist


def main():
    """Measure all variants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--cycles", type=int, default=CYCLES, help="a frame (default %(default)s)")
    parser.add_argument("--retrain", action="store_true", help="make the pruned models first")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    float_model = prepare(HERE / "float.onnx", input_grid=GRID)
    print("| variant | accuracy | cycles | LUT estimate | LUT netlist | FF | BRAM36 | DSP |")
    print("|---|---|---|---|---|---|---|---|")
    for name, other in VARIANTS.items():
        path = HERE / f"retrained_{name}.onnx"
        if options.retrain and other:
            hook = command_hook(f"{sys.executable} {HERE / 'train_bits.py'}")
            retrain(HERE / "float.onnx", float_model, Formats.uniform(4, 4, **other), hook,
                    output=path)
        found = load_retrained(path)
        found.save(options.out / f"{name}.qnet")
        share = accuracy(found.network, *test_part())
        taken, estimated, netlist = measured(options.out / f"{name}.qnet",
                                             options.out / f"{name}_{options.cycles}",
                                             options.cycles)
        print(f"| {name} | {100 * share:.1f} % | {taken:g} | {estimated['lut']:,} | "
              f"{netlist['lut']:,} | {netlist['ff']:,} | {netlist['bram36']:g} | "
              f"{netlist['dsp']} |", flush=True)


if __name__ == "__main__":
    main()
