import numpy as np
import pytest

from quantloom.rtl_templates.pad import PadParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

# input, output, shape, pads, value, lanes
CASES = [
    (IntType(4), IntType(4), (3, 4, 2), (1, 1, 1, 1), 0, 1),
    (IntType(4), IntType(4), (3, 4, 2), (1, 2, 0, 3), 7, 2),
    (IntType(4), IntType(5, True), (3, 4, 2), (0, 2, 2, 4), -3, 4),
    (IntType(3, True), IntType(6, True), (2, 5, 3), (0, 0, 0, 1), -20, 3),
    (BIPOLAR, BIPOLAR, (3, 3, 6), (1, 1, 1, 1), -1, 3),
    (BIPOLAR, BIPOLAR, (3, 3, 1), (1, 3, 1, 0), 1, 3),
    (BIPOLAR, IntType(2, True), (3, 3, 2), (1, 1, 2, 1), 0, 2),
    (IntType(1), IntType(1), (1, 7, 1), (0, 3, 0, 2), 1, 1),
    (IntType(2), IntType(2), (3, 2, 2), (0, 0, 0, 0), 0, 2),
    (IntType(1, True), IntType(3, True), (2, 2, 1), (2, 0, 1, 2), 3, 2),
    (IntType(2, True), IntType(2, True), (2, 3, 2), (0, 1, 2, 2), 1, 2),
]


def block(case):
    source, target, shape, pads, value, lanes = case
    return PadParams(input_type=source, output_type=target, shape=shape, pads=pads, value=value,
                     lanes=lanes)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number]), seed=number)


def test_reference_is_numpy_pad():
    params = block(CASES[1])
    x = random_values(np.random.default_rng(0), IntType(4), (3, 4, 2))
    want = np.pad(x, ((1, 0), (2, 3), (0, 0)), constant_values=7)
    np.testing.assert_array_equal(params.reference(x.reshape(-1, 2))[0].reshape(4, 9, 2), want)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, 4, not 3"),
    (dict(lanes=4, pads=(0, 1, 0, 1)), "lanes must be one of 1, 2, not 4"),
    (dict(pads=(0, -1, 0, 0)), r"pads must not be negative, not \(0, -1, 0, 0\)"),
    (dict(value=4), "output_type must hold 4, not uint2"),
    (dict(input_type=BIPOLAR), "output_type must be bipolar or signed"),
    (dict(shape=(2, 0, 2)), "width must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=IntType(2), output_type=IntType(2), shape=(2, 4, 2),
                 pads=(1, 2, 1, 2))
    with pytest.raises(ValueError, match=text):
        PadParams(**{**legal, **change})
