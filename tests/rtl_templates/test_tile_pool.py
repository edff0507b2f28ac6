import numpy as np
import pytest

from quantloom.rtl_templates.tile_pool import TilePoolParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .timing import check_schedule

TYPES = [BIPOLAR, IntType(1), IntType(1, True), IntType(3), IntType(4, True)]
# shape, tile, lanes
SHAPES = [
    ((4, 6, 4), (2, 2), 2), ((5, 7, 2), (2, 3), 1), ((7, 8, 3), (3, 3), 3), ((3, 4, 2), (3, 4), 2),
    ((1, 9, 4), (1, 2), 1), ((6, 1, 1), (4, 1), 1), ((2, 70, 2), (2, 2), 1),
    ((2, 140, 1), (2, 2), 1), ((3, 3, 2), (1, 1), 1), ((4, 5, 6), (2, 4), 2),
    ((7, 2, 4), (3, 2), 2), ((2, 70, 72), (2, 2), 36),
]  # fmt: skip
# The whole map is one tile.
WHOLE = [
    ((5, 1, 6), (5, 1), 2), ((2, 2, 3), (2, 2), 3), ((1, 7, 3), (1, 7), 1), ((1, 1, 4), (1, 1), 2),
    ((3, 3, 1), (3, 3), 1), ((1, 1, 1), (1, 1), 1),
]  # fmt: skip


def block(operation, type_, shape, **options):
    shape, tile, lanes = shape
    output = type_
    if operation == "sum":
        count = tile[0] * tile[1]
        output = IntType.for_range(type_.lo * count, type_.hi * count)
    return TilePoolParams(input_type=type_, output_type=output, operation=operation, shape=shape,
                          tile=tile, lanes=lanes, **options)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_equals_reference(operation, shape):
    check_block(block(operation, TYPES[shape % len(TYPES)], SHAPES[shape]), seed=shape, frames=3)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_types(operation, type_):
    check_block(block(operation, type_, SHAPES[0]), seed=0)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("shape", WHOLE)
def test_whole_map(operation, type_, shape):
    check_block(block(operation, type_, shape), seed=shape[0][0], frames=4)


def test_maximum_in_a_wider_type():
    params = TilePoolParams(input_type=BIPOLAR, output_type=IntType(3, True), operation="max",
                            shape=(1, 2, 10), tile=(1, 2))
    check_block(params, seed=0)


def test_memories():
    kinds = {block("max", IntType(4), shape).memory for shape in SHAPES}
    assert kinds == {"register", "lutram", "block"}


@pytest.mark.parametrize("depth", [None, 1, 3])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_schedule_is_exact(shape, depth):
    check_schedule(block("max", IntType(3), SHAPES[shape], depth=depth), seed=shape)


@pytest.mark.parametrize("operation", ["max", "sum"])
@pytest.mark.parametrize("shape", WHOLE)
def test_schedule_of_the_whole_map(operation, shape):
    check_schedule(block(operation, IntType(3), shape), seed=shape[0][0])


def test_reference_reduces_tiles():
    x = random_values(np.random.default_rng(0), IntType(4, True), (5, 7, 2))
    got = block("max", IntType(4, True), SHAPES[1]).reference(x.reshape(-1, 1))[0]
    want = [[x[2 * y : 2 * y + 2, 3 * k : 3 * k + 3].max(axis=(0, 1)) for k in range(2)]
            for y in range(2)]
    np.testing.assert_array_equal(got.reshape(2, 2, 2), want)


def test_reference_reduces_the_whole_map():
    x = random_values(np.random.default_rng(0), IntType(4, True), (5, 6))
    got = block("max", IntType(4, True), WHOLE[0]).reference(x.reshape(-1, 2))[0]
    np.testing.assert_array_equal(got.reshape(-1), x.max(axis=0))
    got = block("sum", IntType(4, True), WHOLE[0]).reference(x.reshape(-1, 2))[0]
    np.testing.assert_array_equal(got.reshape(-1), x.sum(axis=0))


@pytest.mark.parametrize("change, text", [
    (dict(lanes=4), "lanes must be one of 1, 2, 3, 6, not 4"),
    (dict(operation="mean"), "operation must be 'max' or 'sum', not 'mean'"),
    (dict(tile=(5, 2)), r"tile must fit a map of \(4, 4\), not \(5, 2\)"),
    (dict(shape=(0, 4, 6)), "height must be at least 1, not 0"),
    (dict(tile=(0, 2)), "rows must be at least 1, not 0"),
    (dict(operation="sum", output_type=BIPOLAR), "output_type must be an integer type for a sum"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(input_type=IntType(2), output_type=IntType(2), operation="max",
                 shape=(4, 4, 6), tile=(2, 2), lanes=2)
    with pytest.raises(ValueError, match=text):
        TilePoolParams(**{**legal, **change})
