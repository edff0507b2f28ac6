import numpy as np
import pytest

from quantloom.rtl_templates.argmax import ArgMaxParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

TYPES = [BIPOLAR, IntType(1), IntType(2), IntType(2, True), IntType(6, True)]
# channels, lanes, positions
SHAPES = [(10, 1, 4), (10, 2, 5), (10, 10, 20), (12, 4, 5), (15, 5, 5), (1, 1, 10), (7, 7, 20)]


def block(type_, shape):
    channels, lanes, positions = shape
    return ArgMaxParams(input_type=type_, channels=channels, lanes=lanes,
                        positions_per_frame=positions)


@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_reference(type_, shape):
    check_block(block(type_, shape), seed=shape[0])


@pytest.mark.parametrize("shape", SHAPES)
def test_schedule_is_exact(shape):
    check_schedule(block(IntType(3), shape), seed=shape[0])


def test_reference_is_argmax():
    x = random_values(np.random.default_rng(0), IntType(2), (5, 10))
    got = block(IntType(2), SHAPES[1]).reference(x.reshape(-1, 2))[0]
    np.testing.assert_array_equal(got.reshape(-1), x.argmax(axis=1))


def test_output_is_as_wide_as_the_index():
    assert block(IntType(2), (1, 1, 1)).output_type == IntType(1)
    assert block(IntType(2), (16, 1, 1)).output_type == IntType(4)
    assert block(IntType(2), (17, 1, 1)).output_type == IntType(5)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, 5, 10, not 3"),
    (dict(channels=0), "channels must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    with pytest.raises(ValueError, match=text):
        ArgMaxParams(**{**dict(input_type=IntType(2), channels=10), **change})
