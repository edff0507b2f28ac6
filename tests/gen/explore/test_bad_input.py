"""What the command refuses, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from ...command import quantloom


def refused(*words):
    done = quantloom("explore", *words)
    assert done.code == 2, (done.out, done.err)
    return " ".join(done.err.split())


@pytest.mark.parametrize(("text", "said"), [
    ("sweep = 3", "sweep must be a table"),
    ("[sweep]\nparts = ['xc7z010']", "sweep: unknown key 'parts'; known are part, board, clock"),
    ("[swep]", "the file: unknown key 'swep'; known are model, sweep, data, platforms"),
    ("[[model]]\nfil = 'a'", "model 1: unknown key 'fil'; known are file, name, network"),
    ("[[model]]\nname = 'a'", "model 1 needs a file"),
    ("[model]\nfile = 'a'", "model must be a list of tables"),
    ("[data]\npath = 'a'", "data: unknown key 'path'; known are file"),
    ("[sweep]\npart = 'xc7z999'", "part Part must be one of XC7Z007S"),
    ("[sweep]\nboard = 'nexys'", "board "),
    ("[sweep]\nclock = 0", "clock must be numbers above 0, in MHz, not 0"),
    ("[sweep]\ncycles = 2.5", "cycles must be whole numbers above 0, not 2.5"),
    ("[sweep]\nfps = 'fast'", "fps must be numbers above 0, not 'fast'"),
    ("[sweep]\nutilisation = '120%'\npart = 'xc7z010'", "utilisation must be percentages above 0"),
    ("[sweep]\nutilisation = '50%'", "utilisation needs a part or a board"),
    ("[sweep]\nmax = 1", "max must be true or false"),
    ("[sweep]\nmax = false", "no target: give cycles, fps or max = true"),
    ("[sweep]", "no model to explore"),
    ("[[model]]\nfile = 'x.onnx'\nweight-bits = 'four'", "weight-bits of x.onnx must be a number"),
    ("[[model]]\nfile = 'x.onnx'\ninput-scale = '1/255'", "the input grid of x.onnx needs"),
    ("[sweep\n", "not a TOML file"),
])
def test_a_sweep_file(tmp_path, text, said):
    file = tmp_path / "sweep.toml"
    file.write_text(text)
    assert said in refused("--sweep", file, "-o", tmp_path / "out"), text
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there(designs, tmp_path):
    out = tmp_path / "out"
    assert "none.onnx: no such file" in refused(tmp_path / "none.onnx", "-o", out)
    assert "none.toml: no such file" in refused("--sweep", tmp_path / "none.toml", "-o", out)
    model = designs["tiny0"]
    assert "none.npz: no such file" in refused(model, "-o", out, "--data", tmp_path / "none.npz")
    assert "a table of platforms is a TOML file, or one of wafer" in refused(
        model, "-o", out, "--published", "none.toml")
    assert "give each a name of its own" in refused(model, model, "-o", out)


@pytest.mark.parametrize(("arrays", "said"), [
    ({"images": np.zeros((3, 6, 6, 3), int)}, "has images, but none of labels, targets"),
    ({"images": np.zeros((3, 6, 6, 3), int), "labels": np.zeros(4, int)}, "3 frames, but 4 labels"),
    ({"images": np.zeros((3, 6, 6, 3), int), "labels": np.zeros((3, 5))},
     "labels must be one whole number for each frame, not float64 of shape (3, 5)"),
    ({"images": np.zeros((3, 7, 6, 3), int), "labels": np.zeros(3, int)},
     "inputs must have shape (frames, 6, 6, 3), not (3, 7, 6, 3)"),
    ({"images": np.full((3, 6, 6, 3), 9), "labels": np.zeros(3, int)}, "0 to 7"),
])
def test_a_data_set(designs, tmp_path, arrays, said):
    file = tmp_path / "data.npz"
    np.savez(file, **arrays)
    text = refused(designs["tiny0"], "-o", tmp_path / "out", "--data", file, "--cycles", "400",
                   "--workers", "0")
    assert said in text and "data.npz" in text


def test_a_data_set_without_labels(designs, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 6, 6, 3), int))
    assert "holds no labels; give an .npz file" in refused(
        designs["tiny0"], "-o", tmp_path / "out", "--data", tmp_path / "x.npy")
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 nothing")
    assert "not an .npz file of numbers" in refused(
        designs["tiny0"], "-o", tmp_path / "out", "--data", tmp_path / "x.npz")


def test_a_rate_that_cannot_be(designs, tmp_path):
    assert "fps 2e+08 is more than a frame a cycle at 100 MHz" in refused(
        designs["tiny0"], "-o", tmp_path / "out", "--fps", "2e8", "--workers", "0")


def test_an_output_that_cannot_be_written(designs, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(
        designs["tiny0"], "-o", tmp_path / "file" / "out", "--cycles", "400")


def test_a_scheduler_that_is_not_there(designs, tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    text = refused(designs["tiny0"], "-o", tmp_path / "out", "--cycles", "400",
                   "--scheduler", "tcp://127.0.0.1:9")
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there within 5 s" in text


def test_without_dask(designs, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    text = refused(designs["tiny0"], "-o", tmp_path / "out", "--cycles", "400",
                   "--scheduler", "local")
    assert "--scheduler needs Dask: pip install 'quantloom[explore]'" in text
