import numpy as np
import pytest

from quantloom.rtl_templates.crop import CropParams, crop_lanes
from quantloom.rtl_templates.types import BIPOLAR, IntType

from .bench import check_block, random_values
from .resources import check_resources
from .timing import check_schedule

# type, shape, start, size, lanes
CASES = [
    (IntType(4), (4, 5, 2), (1, 1, 0), (2, 3, 2), 1),
    (IntType(4), (4, 5, 2), (0, 2, 0), (3, 3, 2), 2),
    (IntType(5, True), (3, 8, 2), (1, 2, 0), (2, 4, 2), 4),
    (IntType(3), (5, 4, 3), (2, 0, 0), (1, 4, 3), 12),
    (BIPOLAR, (1, 9, 1), (0, 3, 0), (1, 3, 1), 3),
    (IntType(2), (3, 3, 6), (0, 0, 2), (3, 3, 4), 2),
    (IntType(2), (4, 3, 6), (1, 2, 0), (3, 1, 3), 1),
    (IntType(2), (1, 1, 8), (0, 0, 4), (1, 1, 4), 4),
    (IntType(2), (2, 2, 2), (0, 0, 0), (2, 2, 2), 4),
    (IntType(8), (6, 1, 1), (5, 0, 0), (1, 1, 1), 1),
]


def block(case, depth=None):
    type_, shape, start, size, lanes = case
    return CropParams(type=type_, shape=shape, start=start, size=size, lanes=lanes, depth=depth)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_reference(number):
    check_block(block(CASES[number]), seed=number, frames=3)


@pytest.mark.parametrize("depth", [None, 1, 3])
@pytest.mark.parametrize("number", range(len(CASES)))
def test_schedule_is_exact(number, depth):
    check_schedule(block(CASES[number], depth), seed=number)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_reference_is_a_slice(number):
    params = block(CASES[number])
    x = random_values(np.random.default_rng(number), params.type, params.shape)
    want = x[tuple(slice(a, a + n) for a, n in zip(params.start, params.size, strict=True))]
    got, = params.reference(x.reshape(-1, params.lanes))
    np.testing.assert_array_equal(got.reshape(params.size), want)


def test_it_takes_a_beat_a_cycle():
    assert [block(case).cycles for case in CASES[:2]] == [40, 20]
    assert crop_lanes((4, 12, 2), (1, 4, 0), (2, 6, 2)) == [1, 2, 4]
    assert crop_lanes((4, 12, 2), (1, 0, 0), (2, 12, 2)) == [1, 2, 4, 6, 8, 12, 24]
    assert crop_lanes((4, 12, 8), (1, 0, 4), (2, 12, 2)) == [1, 2]


def test_resources():
    check_resources(
        CropParams(type=IntType(4), shape=(28, 28, 8), start=(2, 2, 0), size=(24, 24, 8), lanes=8),
        CropParams(type=IntType(8), shape=(224, 224, 3), start=(16, 16, 0), size=(192, 192, 3),
                   lanes=1, depth=1),
        CropParams(type=IntType(4), shape=(32, 32, 16), start=(0, 3, 4), size=(32, 20, 8), lanes=4),
        CropParams(type=IntType(8), shape=(1, 64, 2), start=(0, 32, 0), size=(1, 32, 2), lanes=8),
        levels=4)


@pytest.mark.parametrize("change, text", [
    (dict(lanes=3), "lanes must be one of 1, 2, not 3"),
    (dict(lanes=4), "lanes must be one of 1, 2, not 4"),
    (dict(size=(2, 2, 1), lanes=2), "lanes must be one of 1, not 2"),
    (dict(start=(-1, 0, 0)), r"must be a box in \(2, 4, 2\), not \(-1, 0, 0\) and \(2, 3, 2\)"),
    (dict(size=(2, 4, 2)), r"must be a box in \(2, 4, 2\), not \(0, 1, 0\) and \(2, 4, 2\)"),
    (dict(size=(0, 3, 2)), "size_y must be at least 1, not 0"),
])  # fmt: skip
def test_errors(change, text):
    legal = dict(type=IntType(2), shape=(2, 4, 2), start=(0, 1, 0), size=(2, 3, 2))
    with pytest.raises(ValueError, match=text):
        CropParams(**{**legal, **change})
