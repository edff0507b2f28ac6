"""Bad input through the command line: one clear message, exit code 2, nothing left behind."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ...command import quantloom


def refused(done, *texts):
    """The command ended as it must on bad input."""
    assert done.code == 2, done.out
    assert done.out == "" and "Traceback" not in done.err
    for text in texts:
        assert text in done.err, done.err


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None
            for path in folder.rglob("*")}


def graph(path, nodes, constants=None, shape=(1, 4), output=(1, 2)):
    """A model file of nodes from "x" to "y"."""
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(np.asarray(value, np.float32), name)
         for name, value in (constants or {}).items()])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)],
                                ir_version=8), path)
    return path


def quantised(path, weights, shape=(1, 4)):
    """A bipolar dense layer."""
    nodes = [helper.make_node("BipolarQuant", ["w", "one"], ["wq"], "wquant",
                              domain="qonnx.custom_op.general"),
             helper.make_node("MatMul", ["x", "wq"], ["y"], "product")]
    return graph(path, nodes, {"w": weights, "one": 1.0}, shape)


def test_model_files(tmp_path, model):
    cases = {
        "text.onnx": (b"hello", "text.onnx: not an ONNX model"),
        "empty.onnx": (b"", "empty.onnx: not an ONNX model"),
        "cut.onnx": (model.read_bytes()[:20_000], "cut.onnx: not an ONNX model, or a truncated"),
        "cut.onnx.gz": (b"\x1f\x8b\x08123", "cut.onnx.gz: damaged or truncated gzip"),
        "other.json": (b"{}", "other.json: not a Quantloom design"),
        "cut.json": (b'{"format": 1,', "cut.json: cannot be read as a design"),
        "binary.json": (b"\xff\xfe\x00", "binary.json: cannot be read as a design"),
    }
    for name, (content, text) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        before = snapshot(tmp_path)
        refused(quantloom("generate", path, "-o", tmp_path / "out"), text)
        if not name.endswith("json"):
            refused(quantloom("inspect", path), text)
        assert snapshot(tmp_path) == before
    refused(quantloom("generate", tmp_path / "none.onnx", "-o", tmp_path / "out"),
            "none.onnx: no such file")
    refused(quantloom("generate", tmp_path, "-o", tmp_path / "out"), "is a directory")
    refused(quantloom("inspect", tmp_path), "directory")
    refused(quantloom("generate", tmp_path / ("x" * 300), "-o", tmp_path / "out"), "too long")


def test_nodes(tmp_path):
    weights = np.ones((4, 2))
    grid = ("--input-bits", 8)
    path = graph(tmp_path / "sin.onnx", [helper.make_node("Sin", ["x"], ["y"], "wave")],
                 output=(1, 4))
    refused(quantloom("generate", path, "-o", tmp_path / "out", *grid), "wave", "Sin")
    path = graph(tmp_path / "real.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], "loose")],
                 {"w": np.full((4, 2), 0.123)})
    refused(quantloom("generate", path, "-o", tmp_path / "out", *grid), "loose")
    path = quantised(tmp_path / "input.onnx", weights)
    refused(quantloom("generate", path, "-o", tmp_path / "out"), "--input-bits")
    path = quantised(tmp_path / "nan.onnx", np.where(np.eye(4)[:, :2] > 0, np.nan, 1))
    refused(quantloom("generate", path, "-o", tmp_path / "out", *grid), "finite")
    path = quantised(tmp_path / "dynamic.onnx", weights, ("batch", "n"))
    refused(quantloom("generate", path, "-o", tmp_path / "out", *grid), "x")
    path = quantised(tmp_path / "absurd.onnx", weights, (1, 10**12))
    refused(quantloom("generate", path, "-o", tmp_path / "out", *grid))
    assert not (tmp_path / "out").exists()
    assert quantloom("generate", quantised(tmp_path / "good.onnx", weights), "-o",
                     tmp_path / "out", *grid).code == 0


def test_output_directories(tmp_path, model):
    occupied, file = tmp_path / "occupied", tmp_path / "file"
    occupied.mkdir()
    (occupied / "thesis.txt").write_text("mine")
    file.write_text("mine")
    before = snapshot(tmp_path)
    for target, text in ((occupied, "thesis.txt, which Quantloom did not write"),
                         (file, "is a file"), (file / "sub", "cannot be written"),
                         (tmp_path / ("x" * 300), "cannot be written"),
                         ("/proc/none/out", "cannot be written")):
        refused(quantloom("generate", model, "-o", target), text)
        refused(quantloom("demo", "-o", target), text)
    assert snapshot(tmp_path) == before


def test_own_output_is_replaced_unless_edited(tmp_path, out):
    again = quantloom("generate", out / "design.json", "-o", out)
    assert again.code == 0, again.err
    (out / "build").mkdir()  # of the user's own make: not generated, may be lost
    verilog = out / "rtl" / "tiny.v"
    verilog.write_text(verilog.read_text() + "// mine\n")
    before = snapshot(out)
    refused(quantloom("generate", out / "design.json", "-o", out), "rtl/tiny.v was edited")
    assert snapshot(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_inputs(tmp_path, out):
    """Wrong files, shapes, types and values of --inputs and --vectors."""
    good = np.ones((1, 6, 6, 3), int)
    cases = {
        "shape": (good[:, :5], "(frames, 6, 6, 3)"),
        "frames": (good[:0], "no frame"),
        "text": (np.array(["a"]), "inputs must"),
        "complex": (good * 1j, "integers or reals"),
        "nan": (good * np.nan, "index (0, 0, 0), is nan"),
        "off": (good * 0.5, "off the input grid"),
        "range": (good * 9, "uint3, 0 to 7"),
        "huge": (np.full(good.shape, 2**64 - 1, np.uint64), "uint3, 0 to 7"),
        "infinite": (good * np.inf, "finite"),
    }
    for name, (array, text) in cases.items():
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        refused(quantloom("simulate", out, "--inputs", path, "--engine", "icarus"),
                path.name, text)
        refused(quantloom("generate", out, "-o", tmp_path / "new", "--vectors", path), text)
    np.savez(tmp_path / "two.npz", a=good)
    np.save(tmp_path / "object.npy", np.array([None]), allow_pickle=True)
    (tmp_path / "text.txt").write_text("1 2 3")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "shape.npy").read_bytes()[:-5])
    for name, text in (("two.npz", "several arrays"), ("object.npy", "not a .npy file"),
                       ("text.txt", "not a .npy file"), ("cut.npy", "truncated"),
                       ("none.npy", "no such file"), (".", "directory")):
        refused(quantloom("simulate", out, "--inputs", tmp_path / name), text)
    assert not (tmp_path / "new").exists()


def test_simulate_paths(tmp_path, out):
    refused(quantloom("simulate", tmp_path / "none"), "none: no such file")
    refused(quantloom("simulate", tmp_path), "no design there", "quantloom generate")
    refused(quantloom("simulate", out, "--outputs", tmp_path / "none" / "y.npy"),
            "no such directory")
    (out / "rtl" / "tiny.v").unlink()
    refused(quantloom("simulate", out), "tiny.v: there is no such Verilog file")


@pytest.mark.parametrize(("options", "text"), [
    (("--input-bits", 0), "--input-bits"), (("--input-bits", 99), "1 to 16 bits"),
    (("--input-scale", "1/255"), "needs --input-bits"),
    (("--input-bits", 8, "--input-scale", "1/0"), "--input-scale"),
    (("--input-bits", 8, "--input-scale", "-1"), "--input-scale"),
    (("--input-bits", 8, "--input-scale", "1e999"), "--input-scale"),
    (("--input-bits", 8, "--input-zero-point", 300), "zero point"),
    (("--fps", 1e9), "more than a frame a cycle"), (("--fps", "inf"), "--fps"),
    (("--cycles", 0), "--cycles"), (("--cycles", 10, "--fps", 10), "not allowed"),
    (("--folding", "/proc/none"), "no design there"), (("--clock", "nan"), "--clock"),
])
def test_options(tmp_path, model, options, text):
    refused(quantloom("generate", model, "-o", tmp_path / "out", *options), text)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [("--seed", -1), ("--frames", 0), ("--engine", "guess")])
def test_simulate_options(out, options):
    refused(quantloom("simulate", out, *options), options[0])


def test_verbs():
    refused(quantloom(), "COMMAND")
    refused(quantloom("conquer"), "conquer")


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(Exception, match="no such file"):
        quantloom("--debug", "inspect", tmp_path / "none")


def put(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


@pytest.mark.parametrize(("path", "new", "text"), [
    (("name",), "../../evil", "single underscores"),
    (("layers", 0, "name"), "a b", "single underscores"),
    (("layers", 2, "name"), "wire", "mean nothing in Verilog"),
    (("layers",), [], "no operation"),
    (("layers",), "conv", "damaged"),
    (("layers", 0, "op"), "warp", "'warp'"),
    (("layers", 0, "inputs"), ["nobody"], "nobody"),
    (("layers", 0, "inputs"), 3, "conv1"),
    (("layers", 0, "weights"), {"array": "nothing"}, "nothing"),
    (("layers", 0, "weights"), 5, "conv1"),
    (("layers", 0, "weight_type"), {"type": "float7"}, "float7"),
    (("layers", 0, "stride"), [1.5, 1], "whole number"),
    (("layers", 0, "stride"), [1, 10**30], "whole number"),
    (("layers", 2, "pads"), [10**9] * 4, "damaged"),
    (("layers", 0, "folding"), [1], "folding"),
    (("layers", 0, "folding", "pe"), [2], "whole numbers or words"),
    (("input", "shape"), [10**9, 10**9, 3], "damaged"),
    (("input", "type"), None, "input"),
    (("input", "scale"), "x", "input"),
    (("output", "scale"), [1, 2, 3], "output"),
    (("output", "offset"), float("nan"), "finite"),
    (("format",), 2, "format 1"),
])
def test_damaged_design(out, tmp_path, path, new, text):
    file = out / "design.json"
    value = json.loads(file.read_text())
    put(value, path, new)
    file.write_text(json.dumps(value))
    for command in (("generate", file, "-o", tmp_path / "new"), ("simulate", out)):
        refused(quantloom(*command), str(file), text)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("key", ["name", "input", "output", "layers", "host"])
def test_missing_keys(out, key):
    file = out / "design.json"
    value = json.loads(file.read_text())
    del value[key]
    file.write_text(json.dumps(value))
    refused(quantloom("generate", file, "-o", out), str(file), f"'{key}' is missing")


def test_damaged_weights(out, tmp_path):
    file = out / "weights.npz"
    with np.load(file) as stored:
        arrays = dict(stored)
    damages = [b"", b"text", file.read_bytes()[:500], None]
    for damage in damages:
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage)
        refused(quantloom("generate", out, "-o", tmp_path / "new"), "weights.npz")
    for name, array, text in (
        ("conv1.weights", arrays["conv1.weights"] * 0.5, "integers"),
        ("conv1.weights", arrays["conv1.weights"][:1], "fc"),
        ("conv1.weights", arrays["conv1.weights"] * 7, "bipolar"),
        ("act1.thresholds", arrays["act1.thresholds"][:, ::-1], "ascending"),
        ("input.order", arrays["input.order"] * 0, "order"),
        ("input.order", arrays["input.order"][:-1], "order"),
    ):
        np.savez(file, **{**arrays, name: array})
        refused(quantloom("generate", out, "-o", tmp_path / "new"), "design.json", text)
    assert not (tmp_path / "new").exists()
