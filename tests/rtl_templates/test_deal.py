import numpy as np
import pytest

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.cat import CatParams
from quantloom.rtl_templates.deal import DealParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .resources import check_resources
from .timing import check_schedule

# type, lanes, beats, parts, run, depths
CASES = [
    (IntType(4), 2, 24, 2, 3, None),
    (IntType(4, True), 1, 12, 3, 1, None),
    (BIPOLAR, 3, 20, 2, 10, (1, 4)),
    (IntType(3), 1, 12, 2, 1, (1, 1)),
    (IntType(3), 2, 24, 4, 2, (3, 1, 2, 1)),
    (IntType(8), 1, 6, 1, 2, None),
]


def block(case):
    type_, lanes, beats, parts, run, depths = case
    return DealParams(stream=StreamShape(type_, lanes, beats), parts=parts, run=run,
                      depths=depths)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    full_rate = not CASES[number][5] or min(CASES[number][5]) > 1
    check_block(block(CASES[number]), seed=number, frames=3, full_rate=full_rate)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number]), seed=number)


def test_it_is_the_inverse_of_a_concatenation():
    params = block(CASES[0])
    cat = CatParams(input_types=(IntType(4),) * 2, output_type=IntType(4), channels=(6, 6),
                    lanes=2, positions_per_frame=4)
    x = random_values(np.random.default_rng(0), IntType(4), (24, 2))
    np.testing.assert_array_equal(cat.reference(*params.reference(x))[0], x)


def test_resources():
    check_resources(
        DealParams(stream=StreamShape(IntType(4), 8, 32 * 32 * 2), parts=2, run=64),
        DealParams(stream=StreamShape(IntType(8), 3, 64 * 30), parts=4, run=5),
        CatParams(input_types=(IntType(4),) * 2, output_type=IntType(4), channels=(1024,) * 2,
                  lanes=8, positions_per_frame=16),
        DealParams(stream=StreamShape(IntType(4), 4, 60), parts=3, run=10, depths=(3, 2, 100)),
        levels=4)


@pytest.mark.parametrize("change, text", [
    (dict(parts=0), "parts must be at least 1, not 0"),
    (dict(run=5), r"parts \* run must be one of 1, 2, 3, 4, 6, 12, not 10"),
    (dict(depths=(1, 0)), r"depths must be 2 positive integers, not \(1, 0\)"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(stream=StreamShape(IntType(4), 2, 12), parts=2, run=3)
    with pytest.raises(ValueError, match=text):
        DealParams(**{**legal, **change})
