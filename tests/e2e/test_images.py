"""Third-party networks over images, from file to simulated Verilog."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from ..command import quantloom
from ..models import arrays, third_party


def test_resnet8(tmp_path):
    """int8 with three residual sums, from a TensorFlow Lite file; two of its images."""
    folder = third_party("mlperf_ic_resnet8_int8")
    out, outputs = tmp_path / "out", tmp_path / "y.npy"
    done = quantloom("generate", folder / "model.tflite", "-o", out, "--cycles", 250_000)
    assert done.code == 0, done.err
    np.save(tmp_path / "x.npy", arrays(folder / "inputs.npz")["x"])
    report = quantloom("simulate", out, "--inputs", tmp_path / "x.npy", "--frames", 2,
                       "--outputs", outputs, "--json").json
    assert report["mismatches"] == 0 and report["frames"] == 2, report["first_mismatch"]
    design = json.loads((out / "design.json").read_text())
    assert {x["name"] for x in design["layers"] if x["op"] not in ("pad", "reshape")} <= set(
        report["layers_checked"])
    assert report["interval_cycles"] <= 253_000
    expected = arrays(folder / "outputs.npz")["out_ref"][:2]
    np.testing.assert_array_equal(np.load(outputs).reshape(2, -1).argmax(axis=1),
                                  expected.argmax(axis=1))


def cropped(model, folder, axes, size):
    """The model for smaller images: every layer but the sizes is the same."""
    proto = onnx.load(model)
    del proto.graph.value_info[:]
    for axis in axes:
        proto.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    path = folder / "cropped.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def through_verilog(path, x, tmp_path, *options):
    out = tmp_path / "out"
    done = quantloom("generate", path, "-o", out, "--input-bits", 8, *options)
    assert done.code == 0, done.err
    np.save(tmp_path / "x.npy", x)
    report = quantloom("simulate", out, "--inputs", tmp_path / "x.npy", "--outputs",
                       tmp_path / "y.npy", "--json").json
    assert report["mismatches"] == 0 and report["frames"] == len(x), report["first_mismatch"]
    return np.load(tmp_path / "y.npy")


@pytest.mark.parametrize("name, axes, scale, size, cycles", [
    ("espcn_subpixel_w4a4", (2, 3), "1/255", 8, 12_000),
    ("hls4ml_branched_4b", (1, 2), "1/256", 16, 12_000),
])
def test_images_cropped(name, axes, scale, size, cycles, tmp_path):
    """Super-resolution and segmentation; whole images are compared with the golden model alone."""
    folder = third_party(name)
    x = arrays(folder / "inputs.npz")["x_u8"][:, 40 : 40 + size, 60 : 60 + size]
    if axes == (2, 3):
        x = np.moveaxis(x, 3, 1)
    y = through_verilog(cropped(folder / "model.onnx", tmp_path, axes, size), x, tmp_path,
                        "--input-scale", scale, "--cycles", cycles)
    assert len(np.unique(y)) > 8


def test_dronet(tmp_path):
    """Depthwise convolutions and three residual sums on a whole image of 200 x 200."""
    folder = third_party("dory_dronet_2_0")
    x = arrays(folder / "inputs.npz")["x_u8"]
    y = through_verilog(folder / "model.onnx", x, tmp_path, "--cycles", 600_000)
    np.testing.assert_array_equal(y.ravel(), arrays(folder / "outputs.npz")["out"])
