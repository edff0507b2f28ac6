import numpy as np
import pytest

from quantloom.rtl_templates.add import AddParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .resources import check_resources
from .timing import check_schedule

# input types, multipliers
CASES = [
    ((IntType(4), IntType(4)), (1, 1)),
    ((IntType(4, True), IntType(3)), (1, -1)),
    ((IntType(4, True), IntType(3), IntType(6, True)), (3, -5, 2)),
    ((BIPOLAR, BIPOLAR), (1, 1)),
    ((BIPOLAR, IntType(5, True)), (-7, 2)),
    ((IntType(1), IntType(1), IntType(1)), (1, 1, 1)),
    ((IntType(1, True), IntType(1, True)), (1, 1)),
    ((IntType(3),), (-1,)),
    ((IntType(2),) * 5, (1, 2, 3, 4, 5)),
]


def block(case, *, lanes, beats):
    types, multipliers = case
    ends = [sorted((m * t.lo, m * t.hi)) for t, m in zip(types, multipliers, strict=True)]
    output = IntType.for_range(sum(e[0] for e in ends), sum(e[1] for e in ends))
    return AddParams(input_types=types, output_type=output, multipliers=multipliers, lanes=lanes,
                     beats=beats)


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("lanes", [1, 3])
def test_equals_reference(number, lanes):
    check_block(block(CASES[number], lanes=lanes, beats=20), seed=number)


@pytest.mark.parametrize("number", [0, 2, 5, 7, 8])
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number], lanes=1, beats=12), seed=number)


def test_a_difference_takes_no_multiplier():
    for netlist in check_resources(*(
            AddParams(depth=2, input_types=(IntType(8),) * 2, output_type=IntType(12, True),
                      lanes=4, beats=8, multipliers=multipliers)
            for multipliers in ((-1, 1), (-4, -1)))):
        assert netlist.types["DSP48E1"] == 0


def test_reference_is_the_weighted_sum():
    rng = np.random.default_rng(0)
    params = block(CASES[2], lanes=2, beats=6)
    a, b, c = (random_values(rng, t, (6, 2)) for t in params.input_types)
    np.testing.assert_array_equal(params.reference(a, b, c)[0], 3 * a - 5 * b + 2 * c)


@pytest.mark.parametrize("change, text", [
    (dict(multipliers=(1,)), r"multipliers must be 2 integers, not \(1,\)"),
    (dict(input_types=(), multipliers=()), "inputs must be at least 1, not 0"),
    (dict(output_type=BIPOLAR), "output_type must be an integer type, not bipolar"),
    (dict(beats=0), "beats must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_types=(IntType(2),) * 2, output_type=IntType(3), multipliers=(1, 1))
    with pytest.raises(ValueError, match=text):
        AddParams(**{**legal, **change})
