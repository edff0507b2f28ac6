import numpy as np
import pytest

from quantloom.rtl_templates.multiply import MultiplyParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .resources import check_resources
from .timing import check_schedule

# input types, offsets
CASES = [
    ((IntType(4), IntType(4)), (0, 0)),
    ((IntType(8, True), IntType(8, True)), (128, -3)),
    ((BIPOLAR, IntType(5, True)), (0, 0)),
    ((BIPOLAR, BIPOLAR), (0, 0)),
    ((IntType(1), IntType(6, True)), (0, 2)),
    ((IntType(1), IntType(1)), (0, 0)),
]


def block(case, *, lanes, beats):
    types, offsets = case
    a, b = ((t.lo + o, t.hi + o) for t, o in zip(types, offsets, strict=True))
    ends = [x * y for x in a for y in b]
    return MultiplyParams(input_types=types, output_type=IntType.for_range(min(ends), max(ends)),
                          offsets=offsets, lanes=lanes, beats=beats)


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("lanes", [1, 3])
def test_equals_reference(number, lanes):
    check_block(block(CASES[number], lanes=lanes, beats=20), seed=number)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number], lanes=1, beats=12), seed=number)


def test_reference_is_the_product():
    rng = np.random.default_rng(0)
    params = block(CASES[1], lanes=2, beats=6)
    a, b = (random_values(rng, t, (6, 2)) for t in params.input_types)
    np.testing.assert_array_equal(params.reference(a, b)[0], (a + 128) * (b - 3))


def test_resources():
    check_resources(*(block(CASES[number], lanes=4, beats=20) for number in (0, 1, 4)))


@pytest.mark.parametrize("change, text", [
    (dict(offsets=(1,)), r"two inputs with an offset each, not 2 with \(1,\)"),
    (dict(output_type=BIPOLAR), "output_type must be an integer type, not bipolar"),
    (dict(beats=0), "beats must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_types=(IntType(2),) * 2, output_type=IntType(4))
    with pytest.raises(ValueError, match=text):
        MultiplyParams(**{**legal, **change})
