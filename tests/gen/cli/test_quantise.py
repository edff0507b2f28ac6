"""``quantloom quantise``: files that go through the other commands, searches, and bad input."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from quantloom.gen.network.file import read_record

from ...command import quantloom
from ..quantise.models import float_model, inputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A float model, inputs to calibrate with, and labelled ones."""
    folder = tmp_path_factory.mktemp("quantise")
    rng = np.random.default_rng(3)
    float_model(folder, "convolutions", rng)
    float_model(folder, "residual", rng)
    float_model(folder, "dense", rng)
    x = inputs(rng, 24)
    np.save(folder / "x.npy", x)
    np.savez(folder / "data.npz", images=x, labels=rng.integers(0, 4, 24), other=x)
    return folder


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_equal_in_verilog(folder, tmp_path):
    """Wrapping results, pruned channels, a residual sum: golden equals the emitted Verilog."""
    formats = tmp_path / "formats.toml"
    formats.write_text('[default]\nweights = 3\nactivations = 3\noverflow = "wrap"\n'
                       "[layers.c2]\nweights = 1\n[layers.c3]\nchannels_pruned = 0.4\n"
                       'overflow = "saturate"\n')
    model = tmp_path / "small.qnet"
    done = quantloom("quantise", folder / "residual.onnx", "-o", model, "--formats", formats,
                     "--calibration", folder / "x.npy", "--json")
    assert done.code == 0, done.err
    layers = {layer["name"]: layer for layer in done.json["layers"]}
    assert layers["c3"]["outputs_removed"] == 1 and layers["c2"]["weight_bits"] == 1
    assert read_record(model)["layers"] == done.json["layers"]
    assert quantloom("inspect", model, "--json").json["door"] == "network"
    assert quantloom("generate", model, "-o", tmp_path / "out", "--cycles", 200).code == 0
    report = quantloom("simulate", tmp_path / "out", "--frames", 3, "--json",
                       "--engine", "icarus")
    assert report.code == 0 and report.json["mismatches"] == 0, report.out
    assert "an integer network has no other runtime" in quantloom("inspect", model, "--check").err


def test_table(folder, tmp_path):
    done = quantloom("quantise", folder / "convolutions.onnx", "-o", tmp_path / "a.qnet",
                     "--weights", 4, "--activations", 2, "--sparsity", "50%",
                     "--calibration", f"{folder / 'data.npz'}:other", "--labelled",
                     folder / "data.npz", "--qonnx", tmp_path / "a.onnx")
    assert done.code == 0, done.err
    assert "saturate, per channel" in done.out and "go on with 'quantloom generate" in done.out
    assert "accuracy: " in done.out
    checked = quantloom("inspect", tmp_path / "a.onnx", "--json")
    assert [row["weight_type"] for row in checked.json["layers"] if row["weights"]] == ["int4"] * 3


def test_search(folder, tmp_path):
    """Labels are what the model says with 8 bits, so that there is something to keep."""
    from quantloom.gen.quantise import Formats, prepare
    from quantloom.sim.accuracy import classes

    path, x = folder / "dense.onnx", np.load(folder / "x.npy")
    labels = classes(prepare(path, x).quantise(Formats()).network, x)
    np.savez(tmp_path / "data.npz", x=x, labels=labels)
    done = quantloom("quantise", path, "-o", tmp_path / "b.qnet", "--calibration",
                     folder / "x.npy", "--labelled", tmp_path / "data.npz", "--accuracy", "80%",
                     "--part", "xc7z010", "--cost", "cycles", "--json")
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "b.search.json").read_text())
    assert done.json["search"] == found and done.json["accuracy"] >= 0.8
    assert found["best"]["cost"] <= found["uniform"]["cost"]
    missed = quantloom("quantise", path, "-o", tmp_path / "c.qnet", "--calibration",
                       folder / "x.npy", "--labelled", folder / "data.npz", "--accuracy", "99%",
                       "--part", "xc7z010", "--cycles", 400)
    assert missed.code == 1 and "with 8 bits everywhere the accuracy is" in missed.err


def test_retrain(folder, tmp_path):
    """A command that is given the request and the file to write."""
    script = tmp_path / "train.py"
    script.write_text(
        "import json, sys\nimport numpy as np\nfrom quantloom.gen.quantise import *\n"
        "request = json.load(open(sys.argv[1]))\n"
        "bits = request['layers'][0]\n"
        f"data = np.load({str(folder / 'x.npy')!r})\n"
        "formats = Formats.uniform(bits['weights'], bits['activations'])\n"
        "quantise_model(request['model'], formats, data).save_qonnx(sys.argv[2])\n")
    done = quantloom("quantise", folder / "convolutions.onnx", "-o", tmp_path / "r.qnet",
                     "--weights", 2, "--activations", 3, "--retrain", f"{sys.executable} {script}",
                     "--json")
    assert done.code == 0, done.err
    assert {(layer["quantiser"], layer["weight_bits"]) for layer in done.json["layers"]} == \
        {("retrained", 2)}


@pytest.mark.parametrize(("options", "message"), [
    (["--weights", 9], "weights must have 1 to 8 bits, not 9"),
    (["--formats", "none.toml"], "none.toml: no such file or directory"),
    (["--calibration", "none.npy"], "none.npy: cannot be read: No such file or directory"),
    (["--accuracy", "90%"], "--accuracy needs --labelled: inputs and labels to measure it"),
    (["--accuracy", "90%", "--labelled", "{data}"], "--accuracy needs --part"),
    (["--accuracy", "90%", "--labelled", "{data}", "--part", "xc7"], "--part: "),
    (["--accuracy", "90%", "--labelled", "{data}", "--part", "xc7z010"],
     "LUT sites need a target: say how many cycles a frame may take"),
    (["--labelled", "{x}"], "give an .npz file with an array 'labels'"),
    (["--calibration", "{data}:none"], "it holds the arrays images, labels, other, not none; say "
     "which: "),
    (["--qonnx", "none/a.onnx"], "--qonnx none/a.onnx: there is no directory none"),
])
def test_bad_input(folder, options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"data": folder / "data.npz", "x": folder / "x.npy"}
    options = [str(option).format(**names) for option in options]
    done = quantloom("quantise", folder / "convolutions.onnx", "-o", "o.qnet",
                     *(["--calibration", folder / "x.npy"] if "--calibration" not in options
                       else []), *options)
    assert done.code == 2 and message in " ".join(done.err.split()), done.err
    assert not (tmp_path / "o.qnet").exists()
