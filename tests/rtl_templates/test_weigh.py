import numpy as np
import pytest

from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.rtl_templates.weigh import WeighParams

from .bench import check_block, random_values
from .resources import check_resources
from .timing import check_schedule

# input, channels, rows, columns, lanes
CASES = [
    (IntType(4), 2, (3, 2, 2, 3), (3, 2, 2, 2, 3), 1),
    (IntType(5, True), 2, (1, 1, 2), (2, 1, 1, 2), 4),
    (IntType(3, True), 3, (20, 15, 12, 15), (1,), 3),
    (IntType(6), 4, (1,), (12, 15, 20, 12, 15, 20), 2),
    (BIPOLAR, 1, (2, 3), (5, 1, 5), 3),
    (IntType(8, True), 2, (4, 4), (8, 8), 2),
    (IntType(4), 1, (1, 1), (1, 1), 1),
]


def block(case, depth=None):
    source, channels, rows, columns, lanes = case
    most = max(rows) * max(columns)
    return WeighParams(input_type=source, channels=channels, rows=rows, columns=columns,
                       output_type=IntType.for_range(source.lo * most, source.hi * most),
                       lanes=lanes, depth=depth)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("depth", [None, 1])
@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number, depth):
    check_schedule(block(CASES[number], depth), seed=number)


def test_reference_is_an_outer_product():
    params = block(CASES[0])
    x = random_values(np.random.default_rng(0), IntType(4), (4, 5, 2))
    want = x * np.outer(params.rows, params.columns)[..., None]
    np.testing.assert_array_equal(params.reference(x.reshape(-1, 1))[0].reshape(4, 5, 2), want)


def test_resources():
    """As average pools of 3x3, 2x2 and 5x5 have them."""
    check_resources(
        block((IntType(12, True), 16, (3, *(2,) * 26, 3), (3, *(2,) * 26, 3), 4)),
        block((IntType(10), 8, (*(1,) * 31, 2), (*(1,) * 31, 2), 8), 1),
        block((IntType(9), 2, (20, 15, *(12,) * 12, 15, 20), (20, 15, *(12,) * 12, 15, 20), 4)),
        levels=4)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, 6, not 3"),
    (dict(rows=(1, 0)), "factor must be at least 1, not 0"),
    (dict(rows=()), "height must be at least 1, not 0"),
    (dict(output_type=BIPOLAR), "output_type must be an integer type, not bipolar"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=IntType(2), output_type=IntType(5), channels=2, rows=(1, 2),
                 columns=(3, 1, 1), lanes=2)
    with pytest.raises(ValueError, match=text):
        WeighParams(**{**legal, **change})
