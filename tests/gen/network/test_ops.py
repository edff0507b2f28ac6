"""Operations refuse parameters and inputs that make no sense, and name themselves."""

import numpy as np
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Multiply,
    Pad,
    Requantize,
    Tensor,
    Threshold,
    Upsample,
    Weigh,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType

INT4 = IntType(4, True)
X = Tensor.full((4, 4, 2), INT4)
NARROW = Tensor.full((4, 3, 2), INT4)
ONES = np.ones((3, 3, 2, 4), np.int64)
STEPS = np.array([[-3, 0, 2]])


def conv(**changes):
    return Conv2d(name="odd", inputs=("x",), **{"weights": ONES, "weight_type": INT4, **changes})


def dense(**changes):
    return Dense(name="odd", inputs=("x",),
                 **{"weights": np.ones((32, 3), np.int64), "weight_type": INT4, **changes})


def threshold(**changes):
    return Threshold(name="odd", inputs=("x",),
                     **{"thresholds": STEPS, "type": IntType(2), "base": 0, **changes})


def requantize(**changes):
    one = np.array([1])
    return Requantize(name="odd", inputs=("x",), **{
        "multiplier": one, "offset": one, "shift": 2, "type": IntType(4), **changes})


def weigh(rows, columns):
    return Weigh(name="odd", inputs=("x",), rows=np.array(rows, np.int64),
                 columns=np.array(columns, np.int64))


@pytest.mark.parametrize("make, message", [
    (lambda: conv(weights=np.ones((3, 3, 2))), "weights must be an integer array of 4 dimensions"),
    (lambda: conv(weights=9 * ONES), "weights must fit int4"),
    (lambda: conv(bias=np.array([1])), "bias must have one element per output"),
    (lambda: conv(groups=3), "groups must divide the 4 outputs"),
    (lambda: dense(weights=np.full((32, 3), 8)), "weights must fit int4"),
    (lambda: dense(bias=np.array([1, 2])), "bias must have one element per output"),
    (lambda: threshold(thresholds=STEPS[:, ::-1]), "thresholds must be ascending"),
    (lambda: threshold(descending=np.array([1])), "descending must have one bool per row"),
    (lambda: threshold(base=1), "outputs 1 to 4 must fit uint2"),
    (lambda: requantize(offset=np.array([1, 2])), "multiplier and offsets must have one shape"),
    (lambda: requantize(shift=-1), "shift must not be negative and the type not bipolar"),
    (lambda: requantize(type=BIPOLAR), "shift must not be negative and the type not bipolar"),
    (lambda: requantize(hi=16), r"bounds \(0, 16\) must lie within uint4"),
    (lambda: requantize(wrap=True, hi=7), "what wraps has no bounds"),
    (lambda: weigh([1, 0], [1]), "factors must be positive, and at least one"),
    (lambda: weigh([1], []), "factors must be positive, and at least one"),
])  # fmt: skip
def test_parameters(make, message):
    with pytest.raises(QuantloomError, match=rf"^odd \(\w+\): {message}"):
        make()


@pytest.mark.parametrize("op, inputs, message", [
    (Pad(name="odd", inputs=("x",), pads=(1, 0, -1, 0)), [X], "pads must not be negative"),
    (conv(stride=(0, 1)), [X], "kernel, stride and dilation must be positive"),
    (conv(dilation=(2, 1)), [X], "a window of 5 does not fit an input of 4"),
    (conv(groups=2), [X], "expects 4 input channels, not 2"),
    (dense(), [NARROW], "expects 32 inputs, not 24"),
    (MaxPool(name="odd", inputs=("x",), kernel=(5, 1), stride=(1, 1)), [X],
     "a window of 5 does not fit an input of 4"),
    (threshold(thresholds=np.repeat(STEPS, 3, axis=0)), [X], "3 rows of thresholds for 2 channels"),
    (requantize(multiplier=np.array([1] * 3), offset=np.array([1] * 3)), [X],
     "3 multipliers for 2 channels"),
    (Clip(name="odd", inputs=("x",), lo=9), [X], "clip to an empty range, 9 to 7"),
    (Add(name="odd", inputs=("x", "y"), multipliers=(1, 1)), [X, NARROW],
     "needs one multiplier per input and inputs of one shape"),
    (Multiply(name="odd", inputs=("x", "y")), [X, NARROW], "needs two inputs of one shape"),
    (weigh([1, 2], [1]), [X], r"2 x 1 factors for \(4, 4, 2\)"),
    (Concat(name="odd", inputs=("x", "y"), axis=3), [X, X], "axis must be 0, 1 or 2, not 3"),
    (Concat(name="odd", inputs=("x", "y")), [X, NARROW], "inputs differ in height or width"),
    (Upsample(name="odd", inputs=("x",), factors=(0, 2)), [X], "factors must be positive"),
])  # fmt: skip
def test_inputs(op, inputs, message):
    with pytest.raises(QuantloomError, match=rf"^odd \(\w+\): {message}"):
        op.infer(*inputs)
