import numpy as np
import pytest

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block
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


def test_reference_repeats_the_input():
    x = np.arange(6).reshape(3, 2)
    for copy in ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=2).reference(x):
        np.testing.assert_array_equal(copy, x)


def test_needs_an_output():
    with pytest.raises(ValueError, match="copies must be at least 1, not 0"):
        ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=0)
    for depths in ((1,), (1, 0)):
        with pytest.raises(ValueError, match="depths must be 2 positive integers, not"):
            ForkParams(stream=StreamShape(IntType(3), 2, 3), copies=2, depths=depths)
