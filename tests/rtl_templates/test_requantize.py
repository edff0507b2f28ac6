from dataclasses import replace

import numpy as np
import pytest

from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

INT9 = IntType(9, True)
# input, output, multipliers, offsets, shift, bounds, lanes, channels, positions
CASES = [
    (INT9, IntType(4, True), 6, 6, 8, (None, None), 2, 6, 3),
    (INT9, IntType(8, True), 6, 1, 5, (-100, 90), 12, 6, 4),
    (INT9, IntType(4), 1, 5, 9, (None, None), 5, 5, 5),
    (INT9, IntType(4), 1, 1, 0, (2, 13), 1, 5, 5),
    (IntType(7), IntType(5, True), 3, 3, 7, (None, 9), 1, 3, 9),
    (BIPOLAR, IntType(6, True), 4, 4, 2, (None, None), 2, 4, 9),
    (INT9, IntType(4), 116, 116, 9, (None, None), 2, 116, 2),
    (INT9, IntType(4), 300, 1, 7, (0, 11), 1, 300, 1),
    (INT9, IntType(4, True), 1, 1100, 3, (-5, 7), 1, 1100, 1),
]


# Cases with another offset for negative numbers: in LUTs, one for all, in block RAM, unsigned.
HALVED = (0, 1, 3, 4, 6, 7)


def block(rng, case, *, unit=False, no_offset=False, halved=False):
    source, target, multipliers, offsets, shift, (lo, hi), lanes, channels, positions = case
    return RequantizeParams(
        input_type=source, output_type=target,
        multiplier=np.ones(1, int) if unit else rng.integers(-40, 40, multipliers),
        offset=np.zeros(1, int) if no_offset else rng.integers(-300, 300, offsets),
        negative_offset=rng.integers(-300, 300, offsets) if halved else None,
        shift=shift, lo=lo, hi=hi, lanes=lanes, channels=channels, positions_per_frame=positions)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("number", HALVED)
def test_negative_numbers_have_their_own_offset(number, unit):
    rng = np.random.default_rng(number)
    params = block(rng, CASES[number], unit=unit, halved=True)
    assert params.halved == (params.input_type.lo < 0)
    check_block(params, seed=number, frames=3)
    x = random_values(rng, params.input_type, (params.lanes * 4, params.channels))
    offset = np.where((x < 0) & params.halved, params.offsets[-1], params.offset)
    want = np.clip(np.floor((x * params.multiplier + offset) / 2**params.shift), *params.bounds)
    np.testing.assert_array_equal(
        params.reference(x.reshape(-1, params.lanes))[0].reshape(x.shape), want)


@pytest.mark.parametrize("to_even, wrap", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 6])
def test_rounding_and_wrapping(number, to_even, wrap):
    rng = np.random.default_rng(number)
    params = replace(block(rng, CASES[number]), to_even=to_even, wrap=wrap)
    if number != 5:  # one that keeps ties in its results, and one that does nothing to the sum
        params = replace(params, multiplier=params.multiplier | (number % 2))
    check_block(params, seed=number, frames=3)
    check_schedule(params, seed=number)


def test_half_to_even_and_wrap_by_hand():
    params = RequantizeParams(
        input_type=IntType(6, True), output_type=IntType(3, True), multiplier=np.ones(1, int),
        offset=np.zeros(1, int), shift=2, to_even=True, wrap=True)
    x = np.array([-32, -18, -14, -10, -6, -2, -1, 0, 1, 2, 6, 10, 14, 18, 31])
    want = [0, -4, -4, -2, -2, 0, 0, 0, 0, 0, 2, 2, -4, -4, 0]
    got = [int(params.reference(np.array([[v]]))[0][0, 0]) for v in x]
    assert got == want
    check_block(params, seed=1, frames=40)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(np.random.default_rng(number), CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("unit, no_offset, latency", [
    (False, False, 5), (True, False, 4), (False, True, 4), (True, True, 3),
])  # fmt: skip
def test_steps_that_do_nothing_cost_nothing(unit, no_offset, latency):
    params = block(np.random.default_rng(3), CASES[0], unit=unit, no_offset=no_offset)
    assert params.latency == latency
    check_block(params, seed=3)


@pytest.mark.parametrize("number", [0, 2, 6, 8])
def test_schedule_is_exact(number):
    check_schedule(block(np.random.default_rng(number), CASES[number]), seed=number)


def test_reference_is_the_formula():
    rng = np.random.default_rng(5)
    params = block(rng, CASES[0])
    x = random_values(rng, INT9, (3, 6))
    want = np.clip(np.floor((x * params.multiplier + params.offset) / 256), -8, 7)
    np.testing.assert_array_equal(params.reference(x.reshape(-1, 2))[0].reshape(3, 6), want)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=4), "lanes must be one of 1, 2, 3, 6, 18, not 4"),
    (dict(offset=np.zeros(2, int)), "entries of offset must be one of 1, 6, not 2"),
    (dict(multiplier=np.ones(6)), "multiplier must be an integer array of 1 dimensions"),
    (dict(shift=-1), "shift must not be negative, not -1"),
    (dict(lo=4, hi=3), "lo and hi must be ascending and within uint4, not 4 and 3"),
    (dict(output_type=BIPOLAR), "output_type must be an integer type, not bipolar"),
    (dict(multiplier=np.array([1 << 60])), "Intermediate width must be at most 63, not 69"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=INT9, output_type=IntType(4), multiplier=np.ones(6, int),
                 offset=np.ones(6, int), shift=2, lanes=2, channels=6, positions_per_frame=3)
    with pytest.raises(ValueError, match=text):
        RequantizeParams(**{**legal, **change})
