"""Third-party models from file to simulated Verilog, through the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ..command import quantloom
from ..models import arrays, third_party

GRID = ("--input-bits", 8, "--input-scale", "1/255")

MODELS = {
    # folder: file, array of inputs, options
    "tfc_w1a1": ("model.onnx", "x_u8", GRID),
    "tfc_w2a2": ("model.onnx", "x_u8", GRID),
    "kws_mlp_w3a3": ("model.onnx", "x_q", ()),
    # As fast as their makers publish them, about; the smallest hardware takes many more cycles.
    "bnnpynq_lfcw1a1_mnist": ("model.onnx.gz", "x_bipolar", ("--cycles", 20_000)),
    "bnnpynq_cnvw1a1_cifar10": ("model.onnx.gz", "x_q", ("--cycles", 120_000)),
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Function from a model's name to its generated directory and its inputs as a file."""
    made = {}

    def generate(name):
        if name not in made:
            folder = third_party(name)
            file, key, options = MODELS[name]
            work = tmp_path_factory.mktemp(name)
            done = quantloom("generate", folder / file, "-o", work / "out", *options)
            assert done.code == 0, done.err
            np.save(work / "x.npy", arrays(folder / "inputs.npz")[key])
            made[name] = work / "out", work / "x.npy"
        return made[name]

    return generate


def implied(name, design, frames):
    """Integers that the framework's real outputs stand for, by the scale in design.json."""
    end = design["output"]
    scale, offset = np.asarray(end["scale"]), np.asarray(end["offset"])
    reals = arrays(third_party(name) / "outputs.npz")["out"][:frames].astype(np.float64)
    return np.rint((reals - offset) / scale + end["zero_point"]).astype(np.int64)


def check(name, out, inputs, tmp_path, frames, *options):
    design = json.loads((out / "design.json").read_text())
    outputs = tmp_path / "y.npy"
    done = quantloom("simulate", out, "--inputs", inputs, "--frames", frames, "--outputs", outputs,
                     "--json", *options)
    report = done.json
    assert done.code == 0, (report["first_mismatch"], report["deadlock"])
    assert report["mismatches"] == 0 and report["frames"] == frames
    # Every layer is compared; a reshape is its input's stream.
    layers = {layer["name"] for layer in design["layers"] if layer["op"] != "reshape"}
    assert layers <= set(report["layers_checked"])
    integers = np.load(outputs)
    np.testing.assert_array_equal(integers, implied(name, design, frames))
    reals = np.asarray(design["output"]["scale"]) * integers + np.asarray(
        design["output"]["offset"])
    pred = arrays(third_party(name) / "outputs.npz")["pred"][:frames]
    np.testing.assert_array_equal(reals.reshape(frames, -1).argmax(axis=1), pred)
    if "--stress" not in options:
        slowest = max(block["cycles"] for block in design["blocks"])
        assert report["interval_cycles"] == pytest.approx(slowest, rel=0.02)
    return report


@pytest.mark.parametrize("name", [name for name in MODELS if "cnv" not in name])
def test_all_samples(generated, tmp_path, name):
    check(name, *generated(name), tmp_path, 200)


@pytest.mark.parametrize("options", [(), ("--stress", "--seed", 5)], ids=["flat", "stress"])
def test_cnv(generated, tmp_path, options):
    check("bnnpynq_cnvw1a1_cifar10", *generated("bnnpynq_cnvw1a1_cifar10"), tmp_path, 10, *options)


@pytest.mark.parametrize("engine", ["cxxrtl", "icarus"])
def test_tfc_in_other_simulators(generated, tmp_path, engine):
    report = check("tfc_w1a1", *generated("tfc_w1a1"), tmp_path, 8, "--engine", engine)
    assert report["engine"] == engine
