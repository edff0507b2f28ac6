"""The golden model against plain loops over Python integers."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    DepthToSpace,
    MaxPool,
    Network,
    Pad,
    Requantize,
    Reshape,
    SpaceToDepth,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
    Weigh,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim import golden


def data(tensor: Tensor, frames: int, rng) -> np.ndarray:
    if tensor.type.bipolar:
        return rng.choice([-1, 1], (frames, *tensor.shape))
    return rng.integers(tensor.lo, tensor.hi + 1, (frames, *tensor.shape))


def result(op, *tensors: Tensor, frames: int = 3, seed: int = 0):
    """Inputs and output of one operation, its type and range checked."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    xs = [data(t, frames, rng) for t in tensors]
    y = golden.compute(op, *xs)
    inferred = op.infer(*tensors)
    assert y.shape == (frames, *inferred.shape)
    assert inferred.type.contains(y)
    assert inferred.lo <= y.min() and y.max() <= inferred.hi
    return *xs, y


def full(shape, type_) -> Tensor:
    return Tensor.full(shape, IntType.parse(type_))


CONVOLUTIONS = [
    # input type, weight type, kernel, stride, dilation, groups, outputs
    ("uint8", "int8", (3, 2), (1, 1), (1, 1), 1, 5),
    ("bipolar", "bipolar", (3, 3), (2, 1), (1, 2), 1, 4),
    ("int4", "int3", (1, 1), (3, 2), (1, 1), 2, 6),
    ("int4", "int3", (2, 3), (1, 2), (2, 1), 4, 8),
    ("uint16", "int16", (3, 3), (1, 1), (1, 1), 1, 3),
    ("int32", "int24", (2, 2), (1, 1), (1, 1), 1, 3),  # beyond 2**53: integer products
]


@pytest.mark.parametrize(("x_type", "w_type", "kernel", "stride", "dilation", "groups", "outputs"),
                         CONVOLUTIONS)
def test_conv(x_type, w_type, kernel, stride, dilation, groups, outputs):
    rng = np.random.default_rng(5)
    tensor = full((7, 8, 4), x_type)
    weight_type = IntType.parse(w_type)
    weights = data(Tensor.full((*kernel, 4 // groups * outputs), weight_type), 1, rng)
    op = Conv2d(name="c", inputs=("input",), weight_type=weight_type,
                weights=weights.reshape(*kernel, 4 // groups, outputs),
                bias=rng.integers(-9, 9, outputs), stride=stride, dilation=dilation, groups=groups)
    x, y = result(op, tensor)
    per_group, cin = outputs // groups, 4 // groups
    for n, i, j, o in itertools.product(*map(range, y.shape)):
        want = int(op.bias[o]) + sum(
            int(x[n, i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1],
                  o // per_group * cin + c]) * int(op.weights[a, b, c, o])
            for a in range(kernel[0]) for b in range(kernel[1]) for c in range(cin))
        assert y[n, i, j, o] == want


def test_conv_in_row_chunks(monkeypatch):
    rng = np.random.default_rng(5)
    op = Conv2d(name="c", inputs=("input",), weight_type=IntType(4, signed=True),
                weights=rng.integers(-8, 8, (3, 3, 2, 5)))
    x, y = result(op, full((9, 6, 2), "uint4"))
    for size in (1, 500, 3000):
        monkeypatch.setattr(golden, "_PATCH_BYTES", size)
        np.testing.assert_array_equal(golden.compute(op, x), y)


@pytest.mark.parametrize("types", [("uint8", "int8"), ("int32", "int24"), ("uint16", "int24")])
def test_dense(types):
    rng = np.random.default_rng(6)
    weight_type = IntType.parse(types[1])
    weights = rng.integers(weight_type.lo, weight_type.hi + 1, (24, 5))
    op = Dense(name="d", inputs=("input",), weights=weights, weight_type=weight_type,
               bias=np.arange(5))
    x, y = result(op, full((2, 3, 4), types[0]))
    for n, o in itertools.product(range(3), range(5)):
        terms = zip(x[n].ravel(), weights[:, o], strict=True)
        assert y[n, 0, 0, o] == o + sum(int(a) * int(w) for a, w in terms)


def threshold(thresholds, x_type="int8", **kwargs):
    op = Threshold(name="t", inputs=("input",), thresholds=np.sort(thresholds, axis=1), **kwargs)
    x, y = result(op, full((4, 5, 3), x_type))
    for index in np.ndindex(x.shape):
        row = index[3] if len(op.thresholds) > 1 else 0
        count = sum(int(x[index]) >= int(t) for t in op.thresholds[row])
        if op.descending is not None and op.descending[row]:
            count = op.thresholds.shape[1] - count
        assert y[index] == op.base + op.step * count


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 15, 60])
@pytest.mark.parametrize("rows", [1, 3])
def test_threshold(steps, rows):
    rng = np.random.default_rng(steps)
    thresholds = rng.integers(-200, 200, (rows, steps))
    threshold(thresholds, type=IntType(7, signed=True), base=-4)
    threshold(thresholds, type=IntType(7), base=2, descending=rng.random(rows) < 0.6)


def test_bipolar_threshold():
    threshold(np.array([[-3], [0], [90]]), type=BIPOLAR, base=-1)
    threshold(np.array([[1]]), x_type="bipolar", type=BIPOLAR, base=-1,
              descending=np.array([True]))


def test_requantize():
    op = Requantize(name="r", inputs=("input",), multiplier=np.array([3, -5, 1]),
                    offset=np.array([8, -7, 0]), shift=4, type=IntType(5, signed=True), hi=12)
    x, y = result(op, full((4, 5, 3), "int8"))
    for index in np.ndindex(x.shape):
        c = index[3]
        value = (int(x[index]) * int(op.multiplier[c]) + int(op.offset[c])) // 16
        assert y[index] == min(max(value, -16), 12)


@pytest.mark.parametrize(("kernel", "stride", "dilation"),
                         [((2, 2), (2, 2), (1, 1)), ((3, 2), (1, 2), (2, 3)),
                          ((1, 4), (2, 1), (1, 1))])
def test_pools(kernel, stride, dilation):
    tensor = full((7, 8, 3), "int5")
    for op, function in ((MaxPool(name="p", inputs=("input",), kernel=kernel, stride=stride,
                                  dilation=dilation), max),
                         (SumPool(name="p", inputs=("input",), kernel=kernel, stride=stride), sum)):
        d = dilation if function is max else (1, 1)
        x, y = result(op, tensor)
        for n, i, j, c in itertools.product(*map(range, y.shape)):
            assert y[n, i, j, c] == function(
                int(x[n, i * stride[0] + a * d[0], j * stride[1] + b * d[1], c])
                for a in range(kernel[0]) for b in range(kernel[1]))


@pytest.mark.parametrize("channel_major", [False, True])
def test_blocks_of_pixels(channel_major):
    small, big = full((4, 9, 2), "int3"), full((2, 3, 12), "int3")
    names = dict(name="o", inputs=("a",), block=(2, 3), channel_major=channel_major)
    x, y = result(DepthToSpace(**names), big)
    for n, i, j, c in np.ndindex(*y.shape):
        (a, dy), (b, dx) = divmod(i, 2), divmod(j, 3)
        place = (c * 2 + dy) * 3 + dx if channel_major else (dy * 3 + dx) * 2 + c
        assert y[n, i, j, c] == x[n, a, b, place]
    np.testing.assert_array_equal(golden.compute(SpaceToDepth(**names), y), x)
    x, y = result(SpaceToDepth(**names), small)
    np.testing.assert_array_equal(golden.compute(DepthToSpace(**names), y), x)


@pytest.mark.parametrize("op, text", [
    (DepthToSpace(name="o", inputs=("a",), block=(2, 3)), "4 channels are not those of 2 x 3"),
    (SpaceToDepth(name="o", inputs=("a",), block=(2, 2)), "blocks of 2 x 2 do not fill 2 x 3"),
])  # fmt: skip
def test_blocks_must_fit(op, text):
    with pytest.raises(QuantloomError, match=text):
        op.infer(full((2, 3, 4), "int3"))
    with pytest.raises(QuantloomError, match=r"block must be positive, not \(0, 2\)"):
        DepthToSpace(name="o", inputs=("a",), block=(0, 2))


@pytest.mark.parametrize("start, size", [((1, 0, 0), (2, 3, 4)), ((0, -1, 0), (2, 3, 4)),
                                         ((0, 0, 0), (2, 0, 4))])
def test_boxes_lie_inside(start, size):
    with pytest.raises(QuantloomError, match=r"o \(crop\): .* on do not lie in \(2, 3, 4\)"):
        Crop(name="o", inputs=("a",), start=start, size=size).infer(full((2, 3, 4), "int3"))


def test_shapes_and_sums():
    tensor = full((2, 3, 4), "int3")
    x, y = result(Pad(name="o", inputs=("a",), pads=(1, 2, 0, 3), value=7), tensor)
    assert (y[:, 1:, 2:5] == x).all() and (y == 7).sum() == y.size - x.size
    x, y = result(Clip(name="o", inputs=("a",), lo=-1, hi=2), tensor)
    np.testing.assert_array_equal(y, np.clip(x, -1, 2))
    a, b, y = result(Add(name="o", inputs=("a", "b"), multipliers=(3, -2)), tensor, tensor)
    np.testing.assert_array_equal(y, 3 * a - 2 * b)
    a, b, y = result(Concat(name="o", inputs=("a", "b")), tensor, full((2, 3, 1), "uint5"))
    np.testing.assert_array_equal(y, np.concatenate([a, b], axis=3))
    for axis, shape in enumerate([(1, 3, 4), (2, 2, 4)]):
        a, b, y = result(Concat(name="o", inputs=("a", "b"), axis=axis), tensor,
                         full(shape, "int3"))
        np.testing.assert_array_equal(y, np.concatenate([a, b], axis=1 + axis))
    x, y = result(Upsample(name="o", inputs=("a",), factors=(3, 2)), tensor)
    assert all((y[:, i::3, j::2] == x).all() for i in range(3) for j in range(2))
    x, y = result(Weigh(name="o", inputs=("a",), rows=np.array([2, 1]),
                        columns=np.array([1, 5, 3])), tensor)
    np.testing.assert_array_equal(y[:, 0, 1], 10 * x[:, 0, 1])
    np.testing.assert_array_equal(y[:, 1, 2], 3 * x[:, 1, 2])
    x, y = result(Crop(name="o", inputs=("a",), start=(1, 0, 2), size=(1, 3, 2)), tensor)
    np.testing.assert_array_equal(y, x[:, 1:2, :, 2:])
    x, y = result(Reshape(name="o", inputs=("a",), shape=(1, 1, 24)), tensor)
    np.testing.assert_array_equal(y.ravel(), x.ravel())
    x, y = result(ArgMax(name="o", inputs=("a",)), tensor)
    for index in np.ndindex(y.shape[:3]):
        row = x[index].tolist()
        assert y[index] == row.index(max(row))


def network(**kwargs) -> Network:
    rng = np.random.default_rng(0)
    ops = [Conv2d(name="conv", inputs=("input",), weights=rng.integers(-1, 2, (3, 3, 2, 4)),
                  weight_type=IntType(2, signed=True)),
           Threshold(name="act", inputs=("conv",), thresholds=np.array([[-2, 0, 3]]),
                     type=IntType(2), base=0),
           MaxPool(name="pool", inputs=("act",), kernel=(2, 2), stride=(2, 2)),
           Dense(name="dense", inputs=("pool",), weights=rng.integers(-1, 2, (16, 3)),
                 weight_type=IntType(2, signed=True))]
    return Network("net", Tensor.full((6, 6, 2), IntType(3)), ops, **kwargs)


def test_run_in_chunks(monkeypatch):
    net = network()
    x = data(net.input, 7, np.random.default_rng(3))
    whole = golden.run(net, x, keep=True)
    assert list(whole) == ["input", "conv", "act", "pool", "dense"]
    assert whole["act"].dtype == np.uint8 and whole["conv"].dtype == np.int8
    monkeypatch.setattr(golden, "_CHUNK_ELEMENTS", 1000)
    parts = golden.run(net, x)
    assert list(parts) == ["dense"]
    np.testing.assert_array_equal(parts["dense"], whole["dense"])
    assert golden.run(net, x[:0])["dense"].shape == (0, 1, 1, 3)


@pytest.mark.parametrize(("x", "message"), [
    (np.zeros((1, 2, 6, 6), int), r"must be integers of shape \(frames, 6, 6, 2\), not int64 of"),
    (np.zeros((1, 6, 6, 2)), "must be integers of shape .* not float64"),
    (np.full((1, 6, 6, 2), 8), "must be uint3 within 0 to 7, not 8 to 8"),
])
def test_refused_inputs(x, message):
    with pytest.raises(QuantloomError, match=message):
        golden.run(network(), x)


def test_speed():
    """A frame of some 60 million products takes well under two seconds."""
    rng = np.random.default_rng(0)
    four = IntType(4, signed=True)
    ops = [Conv2d(name="a", inputs=("input",), weights=rng.integers(-8, 8, (7, 7, 1, 16)),
                  weight_type=four),
           Threshold(name="b", inputs=("a",), thresholds=np.sort(rng.integers(0, 4000, (16, 15))),
                     type=IntType(4), base=0),
           MaxPool(name="c", inputs=("b",), kernel=(2, 2), stride=(2, 2)),
           Conv2d(name="d", inputs=("c",), weights=rng.choice([-1, 1], (5, 5, 16, 8)),
                  weight_type=BIPOLAR)]
    net = Network("wide", Tensor.full((224, 224, 1), IntType(8)), ops)
    assert net.macs() > 60e6
    x = data(net.input, 1, rng)
    start = time.monotonic()
    golden.run(net, x)
    elapsed = time.monotonic() - start
    print(f"{elapsed:.3f} s")
    assert elapsed < 2
