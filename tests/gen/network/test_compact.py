"""Networks without their constant and unused channels, against the whole ones."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    MaxPool,
    Network,
    Pad,
    Requantize,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
)
from quantloom.gen.network.channel_ranges import channel_ranges
from quantloom.gen.network.compact import compact
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim import golden

from ...networks import tiny_network

INT4 = IntType(4, True)


class Build:
    """Operations in a row; every convolution has some rows and columns of zeros."""

    def __init__(self, seed):
        print(f"seed {seed}")
        self.rng = np.random.default_rng(seed)
        self.input = Tensor.full((5, 4, 3), IntType(3, True))
        self.ops, self.tensors = [], {"input": self.input}

    def add(self, op):
        self.ops.append(op)
        self.tensors[op.name] = op.infer(*(self.tensors[name] for name in op.inputs))
        return op.name

    def zeroed(self, shape):
        """Weights of which a third of the outputs and of the inputs are not used."""
        weights = self.rng.integers(-7, 8, shape)
        weights[..., self.rng.random(shape[-1]) < 0.35] = 0
        weights[..., self.rng.random(shape[-2]) < 0.35, :] = 0
        return weights

    def conv(self, name, source, outputs, kernel=1, bias=True):
        inputs = self.tensors[source].shape[2]
        return self.add(Conv2d(name=name, inputs=(source,), weight_type=INT4,
                               weights=self.zeroed((kernel, kernel, inputs, outputs)),
                               bias=self.rng.integers(-9, 10, outputs) if bias else None))

    def deep(self, name, source):
        channels = self.tensors[source].shape[2]
        return self.add(Conv2d(name=name, inputs=(source,), weight_type=INT4, groups=channels,
                               weights=self.zeroed((1, 2, 1, channels))))

    def steps(self, name, source, bipolar=False):
        channels = self.tensors[source].shape[2]
        rows = np.sort(self.rng.integers(-30, 31, (channels, 1 if bipolar else 3)), axis=1)
        return self.add(Threshold(name=name, inputs=(source,), thresholds=rows,
                                  type=BIPOLAR if bipolar else IntType(2),
                                  base=-1 if bipolar else 0,
                                  descending=self.rng.random(channels) < 0.3))

    def scaled(self, name, source):
        channels = self.tensors[source].shape[2]
        return self.add(Requantize(name=name, inputs=(source,), shift=4, type=INT4,
                                   multiplier=self.rng.integers(1, 5, channels),
                                   offset=self.rng.integers(-9, 10, channels)))

    def dense(self, name, source, outputs=3):
        size = self.tensors[source].size
        return self.add(Dense(name=name, inputs=(source,), weight_type=INT4,
                              weights=self.zeroed((size, outputs))))

    def network(self):
        return Network("net", self.input, self.ops)


def chain(b):
    b.conv("c1", "input", 8, 2, bias=False)
    b.steps("a1", "c1")
    b.add(Pad(name="pad", inputs=("a1",), pads=(1, 1, 1, 1)))
    b.conv("c2", "pad", 6, 3)
    b.scaled("a2", "c2")
    b.add(MaxPool(name="pool", inputs=("a2",), kernel=(2, 1), stride=(2, 1)))
    b.dense("fc", "pool")


def deep(b):
    b.conv("c1", "input", 7)
    b.steps("a1", "c1")
    b.deep("d", "a1")
    b.steps("a2", "d", bipolar=True)
    b.conv("c2", "a2", 4)
    b.add(SumPool(name="mean", inputs=("c2",), kernel=(2, 2), stride=(2, 1)))


def joins(b):
    b.conv("c1", "input", 6)
    b.scaled("a1", "c1")
    b.conv("c2", "a1", 6)
    b.scaled("a2", "c2")
    b.add(Add(name="sum", inputs=("a1", "a2"), multipliers=(1, 2)))
    b.conv("c3", "sum", 4)
    b.steps("a3", "c3")
    b.add(Clip(name="clip", inputs=("sum",), lo=0))
    b.add(Concat(name="cat", inputs=("a3", "clip")))
    b.add(Crop(name="crop", inputs=("cat",), start=(0, 1, 1), size=(4, 2, 8)))
    b.add(Upsample(name="up", inputs=("crop",), factors=(2, 1)))
    b.conv("c4", "up", 3)


def shapes(b):
    b.conv("c1", "input", 6)
    b.steps("a1", "c1")
    b.add(Reshape(name="flat", inputs=("a1",), shape=(1, 1, 120)))
    b.dense("h", "flat", 8)
    b.steps("a2", "h")
    b.add(Reshape(name="map", inputs=("a2",), shape=(2, 2, 2)))
    b.conv("c2", "map", 4)
    b.add(ArgMax(name="best", inputs=("c2",)))


def alone(b):
    """A branch of constants, and sums of nothing."""
    b.conv("c1", "input", 4)
    b.steps("a1", "c1")
    b.add(Conv2d(name="none", inputs=("a1",), weights=np.zeros((1, 1, 4, 3), int),
                 weight_type=IntType(2, True), bias=np.array([4, -3, 0])))
    b.steps("constant", "none")
    b.add(Concat(name="cat", inputs=("a1", "constant")))
    b.conv("c2", "cat", 3, bias=False)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("build", [chain, deep, joins, shapes, alone])
def test_equal(build, seed):
    b = Build(seed)
    build(b)
    whole = b.network()
    less = compact(whole)
    x = b.rng.integers(-4, 4, (40, *whole.input.shape))
    tensors = golden.run(whole, x, keep=True)
    np.testing.assert_array_equal(golden.run(less, x)[less.output], tensors[whole.output])
    for name, (lo, hi) in channel_ranges(whole).items():
        assert (lo <= tensors[name].min(axis=(0, 1, 2))).all()
        assert (hi >= tensors[name].max(axis=(0, 1, 2))).all()
    sizes = [sum(t.size for t in network.tensors.values()) for network in (whole, less)]
    assert sizes[1] <= sizes[0]
    assert compact(less) is less or sum(t.size for t in compact(less).tensors.values()) <= sizes[1]


def pruned(bias):
    """Two layers; of the first, the outputs 1 and 3 have no weights."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(1, 4, (3, 3, 2, 4)), rng.integers(1, 4, (3, 3, 4, 5))
    first[..., [1, 3]] = 0
    return Network("net", Tensor.full((6, 6, 2), IntType(2)), [
        Conv2d(name="c1", inputs=("input",), weights=first, weight_type=INT4,
               bias=np.array([0, 9, 1, 9])),
        Threshold(name="a1", inputs=("c1",), thresholds=np.tile([2, 8, 20], (4, 1)),
                  type=IntType(2), base=0),
        Conv2d(name="c2", inputs=("a1",), weights=second, weight_type=INT4,
               bias=np.arange(5) if bias else None),
        Threshold(name="a2", inputs=("c2",), thresholds=np.tile([20, 60, 90], (5, 1)),
                  type=IntType(2), base=0)])  # fmt: skip


@pytest.mark.parametrize("bias", [False, True])
def test_constants_move_on(bias):
    """Into the bias where there is one, else into the thresholds."""
    whole = pruned(bias)
    less = compact(whole)
    c1, a1, c2, a2 = less.ops
    assert c1.weights.shape == (3, 3, 2, 2) and c1.bias.tolist() == [0, 1]
    assert a1.thresholds.shape == (2, 3) and c2.weights.shape == (3, 3, 2, 5)
    constant = 2 * whole.ops[2].weights[:, :, [1, 3]].sum(axis=(0, 1, 2))  # 9 reaches two steps
    if bias:
        np.testing.assert_array_equal(c2.bias, np.arange(5) + constant)
    else:
        assert c2.bias is None
        np.testing.assert_array_equal(a2.thresholds, whole.ops[3].thresholds - constant[:, None])
    x = np.random.default_rng(1).integers(0, 4, (20, 6, 6, 2))
    np.testing.assert_array_equal(golden.run(less, x)["a2"], golden.run(whole, x)["a2"])


def test_padding_keeps_what_differs_from_it():
    """A constant is none any more where zeros are padded."""
    whole = pruned(False)
    c1, a1, c2, a2 = whole.ops
    pad = Pad(name="pad", inputs=("a1",), pads=(1, 1, 1, 1))
    padded = Network("net", whole.input, [c1, a1, pad, Conv2d(
        name="c2", inputs=("pad",), weights=c2.weights, weight_type=c2.weight_type), a2])
    assert compact(padded) is padded


def test_nothing_to_leave_out():
    network = tiny_network()
    assert compact(network) is network
