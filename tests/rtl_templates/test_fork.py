import numpy as np
import pytest

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
from .resources import check_resources
from .timing import check_schedule


@pytest.mark.parametrize("type_", [BIPOLAR, IntType(3), IntType(5, True)], ids=str)
@pytest.mark.parametrize("copies", [1, 2, 3])
def test_equals_reference(type_, copies):
    check_block(ForkParams(stream=StreamShape(type_, 3, 25), copies=copies), seed=copies)


def test_schedule_is_exact():
    check_schedule(ForkParams(stream=StreamShape(IntType(3), 2, 9), copies=2), seed=0)


@pytest.mark.parametrize("depths", [(1,), (1, 1), (1, 2), (3, 1, 1), (2, 3)])
def test_depths(depths):
    params = ForkParams(stream=StreamShape(IntType(3), 2, 9), copies=len(depths), depths=depths)
    check_schedule(params, seed=0)
    check_block(params, seed=1, full_rate=False)
    assert params.with_depths(depths) == params


@pytest.mark.parametrize("depths", [None, (1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("type_", [BIPOLAR, IntType(3, True)], ids=str)
def test_parts_of_beats(type_, depths):
    params = ForkParams(stream=StreamShape(type_, 6, 9), copies=2, lanes=((0, 3, 4), (5, 1)),
                        depths=depths)
    check_schedule(params, seed=0)
    check_block(params, seed=1, full_rate=depths is None)
    x = np.arange(12).reshape(2, 6)
    first, second = params.reference(x)
    np.testing.assert_array_equal(first, [[0, 3, 4], [6, 9, 10]])
    np.testing.assert_array_equal(second, [[5, 1], [11, 7]])


def test_resources():
    """Of a shuffle and of a split."""
    check_resources(
        ForkParams(stream=StreamShape(IntType(4), 12, 64), copies=1,
                   lanes=(tuple(range(11, -1, -1)),)),
        ForkParams(stream=StreamShape(IntType(8), 8, 64), copies=2,
                   lanes=((0, 2, 4, 6), (1, 3, 5, 7)), depths=(40, 3)),
        levels=4)


def test_reference_repeats_the_input():
    x = np.arange(6).reshape(3, 2)
    for copy in ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=2).reference(x):
        np.testing.assert_array_equal(copy, x)


def test_needs_an_output():
    with pytest.raises(ValueError, match="copies must be at least 1, not 0"):
        ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=0)
    for lanes in (((0, 1),), ((0,), ()), ((0,), (2,))):
        with pytest.raises(ValueError, match="lanes must be 2 choices of 2 lanes, not"):
            ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=2, lanes=lanes)
    for depths in ((1,), (1, 0)):
        with pytest.raises(ValueError, match="depths must be 2 positive integers, not"):
            ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=2, depths=depths)
