import numpy as np
import pytest

from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .timing import check_schedule

INT5 = IntType(5, True)
# input, output, lo, hi
CASES = [
    (INT5, IntType(4), 0, 1000), (INT5, IntType(3), 0, 6), (INT5, IntType(4, True), -3, 7),
    (INT5, INT5, -16, 15), (INT5, IntType(8, True), -100, 4), (INT5, IntType(5), 20, 30),
    (IntType(5), IntType(4), 3, 12), (IntType(1), IntType(1), 0, 1),
    (BIPOLAR, BIPOLAR, -1, 1), (BIPOLAR, IntType(3, True), -9, 9),
    (BIPOLAR, IntType(2, True), 0, 1), (IntType(1, True), IntType(1, True), -1, 0),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("lanes", [1, 3])
def test_equals_reference(number, lanes):
    source, target, lo, hi = CASES[number]
    check_block(ClipParams(input_type=source, output_type=target, lo=lo, hi=hi, lanes=lanes,
                           channels=lanes, positions_per_frame=25), seed=number)


def test_schedule_is_exact():
    check_schedule(ClipParams(input_type=INT5, output_type=IntType(3), lo=0, hi=6,
                              positions_per_frame=9), seed=0)


def test_reference_is_a_clip():
    params = ClipParams(input_type=INT5, output_type=IntType(3), lo=0, hi=6,
                        positions_per_frame=4)
    got = params.reference(np.array([[-16], [3], [6], [15]]))[0]
    np.testing.assert_array_equal(got, [[0], [3], [6], [6]])


@pytest.mark.parametrize("change, text", [
    (dict(lo=7), "lo must be at most hi = 6, not 7"),
    (dict(hi=9), "output_type must hold 0 to 9, not uint3"),
    (dict(lanes=0), "lanes must be one of 1, 2, 4, not 0"),
    (dict(input_type=BIPOLAR),
     "output_type must be bipolar or signed and at least 2 bits wide for bipolar inputs"),
    (dict(lo=1, hi=1, output_type=BIPOLAR),
     "output_type must be an integer type for int5 inputs, not bipolar"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=INT5, output_type=IntType(3), lo=0, hi=6, lanes=1,
                 positions_per_frame=4)
    with pytest.raises(ValueError, match=text):
        ClipParams(**{**legal, **change})
