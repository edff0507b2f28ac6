import numpy as np
import pytest

from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.sim.packing import pack, unpack, words_per_beat

TYPES = [BIPOLAR, IntType(1), IntType(3), IntType(4, True), IntType(8), IntType(8, True),
         IntType(11, True), IntType(16), IntType(23, True), IntType(32, True), IntType(40)]


@pytest.mark.parametrize("type_", TYPES, ids=str)
@pytest.mark.parametrize("lanes", [1, 3, 8, 33])
def test_lanes_lie_side_by_side(type_, lanes):
    rng = np.random.default_rng(type_.bits * 100 + lanes)
    shape = StreamShape(type_, lanes, 5)
    values = rng.integers(type_.lo, type_.hi + 1, (5, lanes))
    if type_.bipolar:
        values = values | 1
    words = pack(values, shape)
    assert words.dtype == np.dtype("<u4")
    assert words.shape == (5, words_per_beat(shape.width))
    for row, beat in zip(values, words, strict=True):
        codes = [int(code) for code in type_.encode(row)]
        whole = sum(code << (type_.bits * k) for k, code in enumerate(codes))
        assert int.from_bytes(beat.tobytes(), "little") == whole
    np.testing.assert_array_equal(unpack(words, shape), values)


def test_any_memory_order():
    shape = StreamShape(IntType(5), 4, 6)
    values = np.arange(24).reshape(4, 6).T
    np.testing.assert_array_equal(unpack(pack(values, shape), shape), values)


def test_too_wide():
    shape = StreamShape(IntType(65), 1, 1)
    with pytest.raises(ValueError, match="Elements must have at most 64 bits, not 65"):
        pack(np.zeros((1, 1)), shape)
