import numpy as np
import pytest

from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.rtl_templates.upsample import UpsampleParams

from .bench import check_block, random_values
from .timing import check_schedule

# type, shape, factors, lanes
CASES = [
    (IntType(4), (3, 4, 2), (2, 2), 1),
    (IntType(4, True), (2, 3, 4), (2, 3), 2),
    (BIPOLAR, (3, 5, 3), (3, 1), 3),
    (BIPOLAR, (1, 7, 2), (1, 2), 2),
    (IntType(3), (2, 5, 6), (1, 3), 2),
    (IntType(3), (4, 1, 1), (3, 2), 1),
    (IntType(3), (3, 3, 2), (1, 1), 2),
    (IntType(3), (3, 1, 1), (5, 1), 1),
    (IntType(2), (2, 6, 1), (4, 4), 1),
]


def block(case):
    type_, shape, factors, lanes = case
    return UpsampleParams(type=type_, shape=shape, factors=factors, lanes=lanes)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number]), seed=number)


def test_reference_is_a_kronecker_product():
    params = block(CASES[1])
    x = random_values(np.random.default_rng(0), IntType(4, True), (2, 3, 4))
    got = params.reference(x.reshape(-1, 2))[0].reshape(4, 9, 4)
    np.testing.assert_array_equal(got, np.kron(x, np.ones((2, 3, 1), int)))


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, 4, not 3"),
    (dict(factors=(2, 0)), "horizontal_factor must be at least 1, not 0"),
    (dict(shape=(0, 3, 4)), "height must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(type=IntType(4), shape=(2, 3, 4), factors=(2, 3), lanes=2)
    with pytest.raises(ValueError, match=text):
        UpsampleParams(**{**legal, **change})
