import numpy as np
import pytest

from quantloom.rtl_templates.cat import CatParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

U3, S3 = IntType(3), IntType(3, True)
# input types, output, channels, lanes, positions
CASES = [
    ((U3, U3), U3, (2, 3), 1, 5),
    ((U3, S3), IntType(4, True), (4, 2), 2, 5),
    ((BIPOLAR, BIPOLAR), BIPOLAR, (3, 3), 3, 7),
    ((BIPOLAR, S3, U3), IntType(5, True), (2, 6, 4), 2, 3),
    ((S3, IntType(1), BIPOLAR), S3, (1, 1, 1), 1, 5),
    ((U3,), U3, (4,), 2, 5),
    ((U3, U3, U3, U3), U3, (3, 6, 9, 3), 3, 4),
]


def block(case):
    types, output, channels, lanes, positions = case
    return CatParams(input_types=types, output_type=output, channels=channels, lanes=lanes,
                     positions_per_frame=positions)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number):
    check_schedule(block(CASES[number]), seed=number)


def test_reference_is_concatenate():
    rng = np.random.default_rng(0)
    params = block(CASES[1])
    a, b = random_values(rng, U3, (5, 4)), random_values(rng, S3, (5, 2))
    got = params.reference(a.reshape(-1, 2), b)[0]
    np.testing.assert_array_equal(got.reshape(5, 6), np.concatenate([a, b], axis=1))


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, not 3"),
    (dict(channels=(4,)), r"channels must be 2 positive integers, not \(4,\)"),
    (dict(channels=(4, 0)), r"channels must be 2 positive integers, not \(4, 0\)"),
    (dict(input_types=(U3, BIPOLAR)), "output_type must be bipolar or signed"),
    (dict(input_types=(), channels=()), "inputs must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_types=(U3, U3), output_type=U3, channels=(4, 6), lanes=2,
                 positions_per_frame=3)
    with pytest.raises(ValueError, match=text):
        CatParams(**{**legal, **change})
