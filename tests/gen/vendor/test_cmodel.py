"""The C++ model, compiled, against the golden model: every operation, and whole networks."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.errors import QuantloomError
from quantloom.gen.frontends import load
from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Multiply,
    Network,
    Pad,
    Requantize,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
)
from quantloom.gen.vendor.cmodel import c_type, model_source
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim import golden
from quantloom.sim.compiler import compiler

from ...e2e.random_networks import random_network
from ...models import third_party

I4, U3 = IntType(4, True), IntType(3)


def compiled(network, folder):
    """The model as a function of one frame."""
    source = folder / "model.cpp"
    text = model_source(network, "model")
    source.write_text(text.replace("void model(", 'extern "C" void model('))
    library = folder / "model.so"
    subprocess.run([*compiler(), "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library,
                    source], check=True)
    function = ctypes.CDLL(str(library)).model
    ends = network.input, network.tensors[network.output]
    types = [np.dtype(c_type(x.lo, x.hi)[:-2]) for x in ends]

    def run(frame):
        x = np.ascontiguousarray(frame, types[0])
        y = np.zeros(ends[1].shape, types[1])
        function(*(array.ctypes.data_as(ctypes.c_void_p) for array in (x, y)))
        return y

    return run


def check(network, folder, frames=4):
    x = random_frames(network, frames, 7)
    x[0], x[-1] = network.input.lo, network.input.hi
    run, expected = compiled(network, folder), golden.run(network, x)[network.output]
    for frame, y in zip(x, expected, strict=True):
        assert np.array_equal(run(frame), y)


RNG = np.random.default_rng(2)


def weights(*shape):
    return RNG.integers(-8, 8, shape)


def op(cls, *inputs, **fields):
    return cls(name="y", inputs=inputs or ("input",), **fields)


OPS = [
    op(Conv2d, weights=weights(3, 2, 3, 4), weight_type=I4, stride=(2, 1), dilation=(1, 2),
       groups=2, bias=np.array([-70000, 3, 0, 9])),
    op(Dense, weights=weights(5 * 6 * 6, 7), weight_type=I4),
    op(Threshold, thresholds=np.sort(weights(6, 5)), type=U3, base=1,
       descending=RNG.integers(0, 2, 6) > 0),
    op(Threshold, thresholds=np.array([[1]]), type=BIPOLAR, base=-1),
    op(Requantize, multiplier=weights(6), offset=weights(6), negative_offset=weights(6), shift=3,
       type=I4, lo=-3, hi=6),
    op(Requantize, multiplier=np.array([5]), offset=np.array([1]), shift=2, type=U3,
       to_even=True),
    op(Requantize, multiplier=np.array([9]), offset=np.array([-3]), shift=1, type=I4, wrap=True),
    op(Clip, lo=-2), op(Clip, hi=3),
    op(Pad, pads=(1, 2, 3, 0), value=-5),
    op(MaxPool, kernel=(3, 2), stride=(1, 2), dilation=(2, 3)),
    op(SumPool, kernel=(2, 3), stride=(2, 2)),
    op(Add, "input", "input", multipliers=(3, -7)),
    op(Multiply, "input", "input", offsets=(-3, 8)),
    op(Concat, "input", "input"), op(Upsample, factors=(2, 3)), op(Reshape, shape=(3, 6, 10)),
    op(ArgMax),
]


@pytest.mark.parametrize("one", OPS, ids=lambda one: one.kind)
def test_operation(one, tmp_path):
    check(Network("alone", Tensor.full((5, 6, 6), I4), [one]), tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_random_network(seed, tmp_path):
    print("seed", seed)
    check(random_network(seed), tmp_path)


@pytest.mark.parametrize("name", ["mlperf_ic_resnet8_int8", "kws_mlp_w3a3"])
def test_third_party(name, tmp_path):
    file = next(path for path in sorted(third_party(name).iterdir())
                if path.name.startswith("model."))
    check(load(file), tmp_path, frames=3)


@pytest.mark.parametrize("lo, hi, name", [
    (0, 255, "uint8_t"), (0, 256, "uint16_t"), (-128, 127, "int8_t"), (-1, 128, "int16_t"),
    (-1, 1 << 40, "int64_t")])
def test_types(lo, hi, name):
    assert c_type(lo, hi) == name


def test_too_wide():
    with pytest.raises(QuantloomError, match="more than C\\+\\+ has integers for"):
        c_type(-1, 1 << 63)
