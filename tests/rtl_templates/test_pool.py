import numpy as np
import pytest

from quantloom.rtl_templates.pool import PoolParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

TYPES = [BIPOLAR, IntType(1), IntType(1, True), IntType(3), IntType(4, True)]
# window, channels, lanes, positions
SHAPES = [(4, 6, 2, 3), (9, 2, 2, 6), (3, 3, 1, 3), (1, 4, 4, 6), (7, 1, 1, 8)]


def block(operation, type_, shape):
    window, channels, lanes, positions = shape
    output = type_
    if operation == "sum":
        output = IntType.for_range(type_.lo * window, type_.hi * window)
    return PoolParams(input_type=type_, output_type=output, operation=operation, window=window,
                      channels=channels, lanes=lanes, positions_per_frame=positions)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_reference(operation, type_, shape):
    check_block(block(operation, type_, shape), seed=shape[0])


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("type_", [BIPOLAR, IntType(3)], ids=str)
def test_schedule_is_exact(operation, type_):
    check_schedule(block(operation, type_, SHAPES[1]), seed=0)


def test_maximum_in_a_wider_type():
    params = PoolParams(input_type=BIPOLAR, output_type=IntType(3, True), operation="max",
                        window=2, positions_per_frame=20)
    check_block(params, seed=0)


def test_reference_reduces_the_window():
    x = random_values(np.random.default_rng(0), IntType(4, True), (9, 4, 2))
    beats = x.reshape(9, 8)
    got = block("max", IntType(4, True), SHAPES[0]).reference(beats)[0]
    np.testing.assert_array_equal(got, x.max(axis=1))
    got = block("sum", IntType(4, True), SHAPES[0]).reference(beats)[0]
    np.testing.assert_array_equal(got, x.sum(axis=1))


@pytest.mark.parametrize("change, text", [
    (dict(lanes=4), "lanes must be one of 1, 2, 3, 6, not 4"),
    (dict(operation="mean"), "operation must be 'max' or 'sum', not 'mean'"),
    (dict(window=0), "window must be at least 1, not 0"),
    (dict(operation="sum", output_type=BIPOLAR), "output_type must be an integer type for a sum"),
    (dict(output_type=BIPOLAR), "output_type must be an integer type for uint2 inputs"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=IntType(2), output_type=IntType(2), operation="max", window=4,
                 channels=6, lanes=2)
    with pytest.raises(ValueError, match=text):
        PoolParams(**{**legal, **change})
