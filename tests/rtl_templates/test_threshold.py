import numpy as np
import pytest

from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

INT6 = IntType(6, True)
# input, output, rows, steps, base, falling, lanes, channels, positions
CASES = [
    (INT6, IntType(2), 6, 3, 0, False, 2, 6, 3),
    (INT6, IntType(2), 6, 3, 0, False, 12, 6, 4),
    (INT6, IntType(3), 6, 5, 0, True, 3, 6, 3),
    (INT6, IntType(4, True), 5, 15, -8, True, 1, 5, 3),
    (INT6, IntType(4, True), 5, 12, -6, False, 5, 5, 5),
    (INT6, IntType(4, True), 1, 6, -2, True, 5, 5, 5),
    (INT6, IntType(4), 1, 9, 0, False, 10, 5, 4),
    (INT6, IntType(1), 4, 1, 0, False, 2, 4, 4),
    (INT6, BIPOLAR, 4, 1, -1, False, 2, 4, 4),
    (INT6, BIPOLAR, 4, 1, -1, True, 4, 4, 4),
    (INT6, BIPOLAR, 1, 1, -1, False, 4, 4, 4),
    (INT6, IntType(3), 3, 1, 5, False, 1, 3, 3),
    (IntType(5), IntType(3), 3, 7, 0, True, 3, 3, 5),
    (IntType(1), IntType(2), 3, 2, 1, True, 1, 3, 3),
    (BIPOLAR, IntType(2, True), 4, 3, -2, True, 2, 4, 3),
    (BIPOLAR, BIPOLAR, 4, 1, -1, True, 4, 4, 3),
    (IntType(9, True), IntType(6, True), 7, 63, -32, False, 7, 7, 3),
]


def block(rng, case):
    source, target, rows, steps, base, falling, lanes, channels, positions = case
    margin = (source.hi - source.lo) // 4 + 1  # some are always or never reached
    thresholds = rng.integers(source.lo - margin, source.hi + margin + 1, (rows, steps))
    return ThresholdParams(
        input_type=source, output_type=target, thresholds=np.sort(thresholds, axis=1), base=base,
        descending=rng.integers(0, 2, rows) > 0 if falling else None,
        lanes=lanes, channels=channels, positions_per_frame=positions)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(np.random.default_rng(number), CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("number", [0, 1, 4, 8, 9])
def test_schedule_is_exact(number):
    check_schedule(block(np.random.default_rng(number), CASES[number]), seed=number)


def test_reference_counts_thresholds():
    rng = np.random.default_rng(1)
    params = block(rng, CASES[3])
    x = random_values(rng, INT6, (3, 5))
    count = (x[:, :, None] >= params.thresholds).sum(axis=2)
    want = -8 + np.where(params.descending, 15 - count, count)
    np.testing.assert_array_equal(params.reference(x.reshape(-1, 1))[0].reshape(3, 5), want)


def test_thresholds_far_outside_the_input_type():
    far = np.array([[-(1 << 40), -32, 31, 32, 1 << 40]])
    check_block(ThresholdParams(
        input_type=INT6, output_type=IntType(3), thresholds=far, positions_per_frame=40), seed=0)


def test_latency_is_a_cycle_a_stage():
    rng = np.random.default_rng(0)
    assert block(rng, CASES[0]).latency == 1 + 2 + 1
    assert block(rng, CASES[4]).latency == 1 + 4 + 1 + 1  # a base to add


# Registers behind tables of more than eight words, two where they are in block RAM.
@pytest.mark.parametrize("bits, channels, lanes, extra", [
    (9, 12, 6, 1), (9, 60, 1, 5), (14, 300, 1, 8),
])  # fmt: skip
def test_long_tables(bits, channels, lanes, extra):
    rng = np.random.default_rng(channels)
    source = IntType(bits, True)
    params = ThresholdParams(
        input_type=source, output_type=IntType(4), lanes=lanes, channels=channels,
        thresholds=np.sort(rng.integers(source.lo, source.hi + 1, (channels, 15)), axis=1))
    assert params.latency == 1 + 4 + 1 + extra
    check_block(params, seed=1)
    check_schedule(params, seed=1, frames=2)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=4), "lanes must be one of 1, 2, 3, 6, 18, not 4"),
    (dict(thresholds=np.zeros((2, 3), int)), "rows of thresholds must be one of 1, 6, not 2"),
    (dict(thresholds=np.zeros((1, 3))), "thresholds must be an integer array of 2 dimensions"),
    (dict(thresholds=np.array([[1, 0, 2]])), "thresholds must be ascending and at least one"),
    (dict(base=1), "output_type must hold 1 to 4, not uint2"),
    (dict(output_type=BIPOLAR, base=-1), "output_type must hold -1 to 5, not bipolar"),
    (dict(descending=np.array([1])), "descending must be 1 bools, not "),
    (dict(channels=0), "channels must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=INT6, output_type=IntType(2), thresholds=np.zeros((1, 3), int),
                 lanes=2, channels=6, positions_per_frame=3)
    with pytest.raises(ValueError, match=text):
        ThresholdParams(**{**legal, **change})
