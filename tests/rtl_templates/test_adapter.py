import numpy as np
import pytest

from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .timing import check_schedule

# lanes in, lanes out, elements
CASES = [
    (1, 1, 6), (3, 3, 9), (1, 4, 24), (2, 6, 24), (4, 1, 24), (6, 2, 24), (12, 1, 36), (1, 12, 36),
    (2, 3, 18), (3, 2, 18), (4, 6, 36), (6, 4, 36), (3, 8, 48), (8, 3, 48), (5, 7, 70), (7, 5, 70),
    (9, 10, 90), (10, 9, 90),
]  # fmt: skip
TYPES = [BIPOLAR, IntType(3), IntType(5, True)]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    lanes_in, lanes_out, elements = CASES[number]
    check_block(AdapterParams(type=TYPES[number % 3], lanes_in=lanes_in, lanes_out=lanes_out,
                              elements=elements), seed=number, frames=3)


@pytest.mark.parametrize("lanes_in, lanes_out, elements", CASES)
def test_schedule_is_exact(lanes_in, lanes_out, elements):
    check_schedule(AdapterParams(type=IntType(2), lanes_in=lanes_in, lanes_out=lanes_out,
                                 elements=elements), seed=lanes_in * 100 + lanes_out)


def test_reference_keeps_the_order():
    params = AdapterParams(type=IntType(5), lanes_in=2, lanes_out=3, elements=12)
    x = np.arange(12)
    np.testing.assert_array_equal(params.reference(x.reshape(6, 2))[0], x.reshape(4, 3))


@pytest.mark.parametrize("change, text", [
    (dict(lanes_in=5), "lanes_in must be one of 1, 2, 3, 4, 6, 12, not 5"),
    (dict(lanes_out=0), "lanes_out must be one of 1, 2, 3, 4, 6, 12, not 0"),
    (dict(elements=0), "elements must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(type=IntType(2), lanes_in=2, lanes_out=3, elements=12)
    with pytest.raises(ValueError, match=text):
        AdapterParams(**{**legal, **change})
