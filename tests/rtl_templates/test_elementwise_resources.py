"""Cost of thresholds, rescaling, clips, argmax and pooling of tiles against their synthesis."""

import numpy as np

from quantloom.rtl_templates.argmax import ArgMaxParams
from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.tile_pool import TilePoolParams
from quantloom.rtl_templates.types import IntType

from .resources import check_resources

LEVELS = 4


def thresholds(bits, steps, channels, lanes, depth=None):
    rng = np.random.default_rng([bits, channels])
    source = IntType(bits, True)
    rows = rng.integers(source.lo // 2, source.hi // 2 + 1, (channels, steps))
    return ThresholdParams(
        input_type=source, output_type=IntType.for_range(0, steps), lanes=lanes,
        channels=channels, thresholds=np.sort(rows, axis=1), depth=depth)


def rescaling(bits, output, channels, lanes, depth=None, *, halved=False, **bounds):
    """Factors and offsets as even thresholds have them."""
    rng = np.random.default_rng([bits, output, channels])
    offset = rng.integers(-(1 << bits + 5), 1 << bits + 5, channels)
    return RequantizeParams(
        input_type=IntType(bits, True), output_type=IntType(output),
        multiplier=rng.integers(1 << 8, 1 << 9, channels), offset=offset,
        negative_offset=offset - rng.integers(0, 1 << bits, channels) if halved else None,
        shift=bits + 2, lanes=lanes, channels=channels, depth=depth, **bounds)


def test_threshold():
    check_resources(
        thresholds(8, 15, 32, 8), thresholds(11, 15, 32, 4, 1), thresholds(9, 3, 16, 4),
        thresholds(12, 1, 64, 8),
        levels=LEVELS)


def test_requantize():
    check_resources(
        rescaling(8, 4, 32, 8), rescaling(10, 4, 32, 2, 1), rescaling(12, 4, 116, 1),
        rescaling(8, 4, 32, 4, hi=11), rescaling(12, 8, 32, 4, halved=True),
        rescaling(14, 8, 256, 2, halved=True), rescaling(12, 8, 1, 1, halved=True),
        rescaling(12, 8, 32, 4, to_even=True), rescaling(12, 8, 32, 4, wrap=True),
        levels=LEVELS)


def test_others():
    check_resources(
        ClipParams(input_type=IntType(10, True), output_type=IntType(4), lo=0, hi=15, lanes=8,
                   positions_per_frame=64),
        ArgMaxParams(input_type=IntType(8, True), channels=10, lanes=10),
        ArgMaxParams(input_type=IntType(12, True), channels=58, lanes=1),
        TilePoolParams(input_type=IntType(4), output_type=IntType(4), operation="max",
                       shape=(7, 7, 32), tile=(7, 7), lanes=4),
        TilePoolParams(input_type=IntType(4), output_type=IntType(10), operation="sum",
                       shape=(7, 7, 64), tile=(7, 7), lanes=8),
        TilePoolParams(input_type=IntType(4), output_type=IntType(8), operation="sum",
                       shape=(27, 29, 6), tile=(3, 4), lanes=2),
        levels=LEVELS)
