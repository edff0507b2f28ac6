"""Malformed TensorFlow Lite files, as :mod:`test_malformed` does it."""

from __future__ import annotations

import numpy as np
import pytest

from ..frontends.flat import FlatBuilder
from .test_malformed import command, refused, within, written


def flat_model():
    g = FlatBuilder((1, 6, 6, 2), 0.5, 3)
    rng = np.random.default_rng(1)
    weights = g.const(rng.integers(-9, 9, (3, 3, 3, 2)), [0.1, 0.2, 0.1])
    bias = g.const(rng.integers(-9, 9, 3), [0.05, 0.1, 0.05], dtype="int32")
    g.op("CONV_2D", (g.tip, weights, bias), (1, 4, 4, 3), 0.7, 5, name="first",
         table="Conv2DOptions", padding=1, strideW=1, strideH=1, dilationWFactor=1,
         dilationHFactor=1)
    return g


def test_the_sound_tflite_compiles(tmp_path):
    ended = command("generate", flat_model().save(tmp_path), "-o", tmp_path / "out")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.95])
def test_cut_tflite(part, tmp_path):
    data = flat_model().bytes()
    refused(written(tmp_path, data[: int(len(data) * part)], "model.tflite"), "model.tflite")


def _grid(scale, zero=0):
    def change(g):
        g.tensors[g.input].quantization.scale = np.array([scale], np.float32)
        g.tensors[g.input].quantization.zeroPoint = np.array([zero])
    return change


def _tensor(index, **fields):
    return lambda g: [setattr(g.tensors[index], k, v) for k, v in fields.items()]


FLAT = {
    "scale nan": (_grid(np.nan), "t0"), "scale inf": (_grid(np.inf), "t0"),
    "scale zero": (_grid(0.0), "t0"), "scale negative": (_grid(-1.0), "t0"),
    "zero point": (_grid(0.5, 1000), "t0"),
    "shape of no size": (_tensor(0, shape=[1, 0, 6, 2]), "t0"),
    "shape dynamic": (_tensor(0, shape=[1, -1, 6, 2]), "t0"),
    "shape huge": (_tensor(0, shape=[1, 1 << 20, 1 << 20, 2]), "t0"),
    "shape of the weights": (_tensor(1, shape=[3, 3, 3, 7]), "t1"),
    "type": (_tensor(0, type=9 - 6), "t0"), "strings": (_tensor(0, type=5), "t0"),
    "type unknown": (_tensor(0, type=77), "t0"), "buffer": (_tensor(1, buffer=900), "t1"),
    "missing weights": (lambda g: g.operators[0].inputs.__setitem__(1, -1), "first"),
    "missing input": (lambda g: g.operators[0].inputs.__setitem__(0, 99), "does not exist"),
    "cycle": (lambda g: g.operators[0].inputs.__setitem__(0, g.tip), "first"),
    "operator unknown": (lambda g: g.codes.__setitem__(0, 200), "not supported"),
    "operator code": (lambda g: setattr(g.operators[0], "opcodeIndex", 50), "model.tflite"),
    "options": (lambda g: setattr(g.operators[0], "builtinOptions", None), "first"),
    "stride": (lambda g: setattr(g.operators[0].builtinOptions, "strideW", 0), "first"),
    "activation": (lambda g: setattr(g.operators[0].builtinOptions, "fusedActivationFunction", 4),
                   "first"),
    "shape of the result": (lambda g: setattr(g.tensors[g.tip], "shape", [1, 9, 9, 3]), "first"),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAT)
def test_tflite(name, tmp_path):
    g = flat_model()
    change, text = FLAT[name]
    change(g)
    refused(g.save(tmp_path), text, run=command if name in ("shape huge", "scale nan") else within)
