"""Accuracy of the digit classifier against bits: quantised after training, and retrained.

``python curves.py`` measures with the golden model, from the files in this folder, and prints a
table; ``--retrain`` makes the retrained models first (some minutes, needs requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from quantloom.gen.frontends import InputGrid
from quantloom.gen.quantise import Format, Formats, command_hook, load_retrained, prepare, retrain
from quantloom.sim.accuracy import accuracy

HERE = Path(__file__).resolve().parent
TEST = HERE.parent.parent / "gen" / "assets" / "digits_test.npz"
GRID = InputGrid(bits=5, scale=1 / 16)
"""The pixels are 0 to 16 sixteenths."""

WIDTHS = ("8", "6", "4", "3", "2", "binary")
"""Bits of all weights and results; ``binary`` has weights of -1 and +1 in the middle layers,
results of 2 bits, and 4-bit weights in the first and last layer."""

CURVES = {
    "wrap": {"scale": "tensor", "power_of_two": True, "overflow": "wrap"},
    "saturate": {"scale": "tensor", "power_of_two": True},
    "per channel": {},
}
"""Quantisers after training, by what differs from the defaults."""


def formats(width, **other):
    """Formats of a point of a curve."""
    if width != "binary":
        return Formats.uniform(int(width), int(width), **other)
    ends = Format(4, 2, **other)
    return Formats(Format(1, 2, **other), {"conv1": ends, "dense": ends})


def test_part():
    """The held-out images, as the model takes them, and their labels."""
    with np.load(TEST) as stored:
        return stored["images"][:, None] * np.float32(1 / 16), stored["labels"]


def main():
    """Measure all curves and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--retrain", action="store_true", help="make the retrained models first")
    options = parser.parse_args()
    with np.load(HERE / "data.npz") as data:
        model = prepare(HERE / "float.onnx", data["calibration"], input_grid=GRID)
    images, labels = test_part()
    table = {name: [accuracy(model.quantise(formats(width, **other)).network, images, labels)
                    for width in WIDTHS] for name, other in CURVES.items()}
    table["retrained"] = []
    for width in WIDTHS:
        path = HERE / f"retrained_{width}.onnx"
        if options.retrain:
            hook = command_hook(f"{sys.executable} {HERE / 'train_bits.py'}")
            found = retrain(HERE / "float.onnx", model, formats(width), hook, output=path)
        else:
            found = load_retrained(path)
        table["retrained"].append(accuracy(found.network, images, labels))
        print(f"{width}: {table['retrained'][-1]:.4f} retrained", file=sys.stderr, flush=True)
    print("| bits | " + " | ".join(WIDTHS) + " |")
    print("|---|" + "---|" * len(WIDTHS))
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in row) + " |")
    (HERE / "curves.json").write_text(json.dumps(
        {"widths": WIDTHS, "images": len(labels), "accuracy": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
