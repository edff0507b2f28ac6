import numpy as np
import pytest

from quantloom.rtl_templates.global_pool import GlobalPoolParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

TYPES = [BIPOLAR, IntType(1), IntType(1, True), IntType(3), IntType(4, True)]
# positions, channels, lanes
SHAPES = [(5, 6, 2), (4, 3, 3), (7, 3, 1), (1, 4, 2), (9, 1, 1), (1, 1, 1)]


def block(operation, type_, shape):
    positions, channels, lanes = shape
    output = type_
    if operation == "sum":
        output = IntType.for_range(type_.lo * positions, type_.hi * positions)
    return GlobalPoolParams(input_type=type_, output_type=output, operation=operation,
                            positions=positions, channels=channels, lanes=lanes)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_reference(operation, type_, shape):
    check_block(block(operation, type_, shape), seed=shape[0], frames=4)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("shape", SHAPES)
def test_schedule_is_exact(operation, shape):
    check_schedule(block(operation, IntType(3), shape), seed=shape[0])


def test_maximum_in_a_wider_type():
    params = GlobalPoolParams(input_type=BIPOLAR, output_type=IntType(3, True), operation="max",
                              positions=2, channels=10)
    check_block(params, seed=0)


def test_reference_reduces_the_frame():
    x = random_values(np.random.default_rng(0), IntType(4, True), (5, 6))
    got = block("max", IntType(4, True), SHAPES[0]).reference(x.reshape(-1, 2))[0]
    np.testing.assert_array_equal(got.reshape(-1), x.max(axis=0))
    got = block("sum", IntType(4, True), SHAPES[0]).reference(x.reshape(-1, 2))[0]
    np.testing.assert_array_equal(got.reshape(-1), x.sum(axis=0))


@pytest.mark.parametrize("change, text", [
    (dict(lanes=4), "lanes must be one of 1, 2, 3, 6, not 4"),
    (dict(operation="mean"), "operation must be 'max' or 'sum', not 'mean'"),
    (dict(positions=0), "positions must be at least 1, not 0"),
    (dict(operation="sum", output_type=BIPOLAR), "output_type must be an integer type for a sum"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=IntType(2), output_type=IntType(2), operation="max", positions=4,
                 channels=6, lanes=2)
    with pytest.raises(ValueError, match=text):
        GlobalPoolParams(**{**legal, **change})
