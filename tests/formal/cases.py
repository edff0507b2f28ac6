"""Blocks of small geometry that are proven: some of each kind, all their ways of working."""

from __future__ import annotations

import numpy as np

from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.add import AddParams
from quantloom.rtl_templates.argmax import ArgMaxParams
from quantloom.rtl_templates.block import BlockParams, StreamShape
from quantloom.rtl_templates.cat import CatParams
from quantloom.rtl_templates.chain import ChainParams
from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.crop import CropParams
from quantloom.rtl_templates.deal import DealParams
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.multiply import MultiplyParams
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.pad import PadParams
from quantloom.rtl_templates.pool import PoolParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.sliding_window import WindowParams
from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.tile_pool import TilePoolParams
from quantloom.rtl_templates.types import BIPOLAR, IntType
from quantloom.rtl_templates.upsample import UpsampleParams
from quantloom.rtl_templates.weigh import WeighParams

__all__ = ["CASES"]

U1, U2, S2, S3 = IntType(1), IntType(2), IntType(2, True), IntType(3, True)
PAIR, TRIPLE = StreamShape(U1, 1, 2), StreamShape(U2, 1, 3)


def _fifos():
    for depth in (1, 2, 3, 5):
        yield f"depth {depth}", FifoParams(TRIPLE, depth)


def _forks():
    for depths in (None, (1, 1), (1, 2), (3, 1, 2)):
        copies = len(depths) if depths else 2
        yield f"depths {depths}", ForkParams(stream=PAIR, copies=copies, depths=depths)
    yield "parts", ForkParams(stream=StreamShape(U1, 3, 2), lanes=((0, 2), (1,)))


def _adapters():
    for lanes_in, lanes_out, elements in ((1, 3, 6), (3, 1, 6), (2, 3, 6), (3, 2, 6), (1, 2, 4)):
        for depth in (None, 1, 3):
            yield f"{lanes_in} to {lanes_out}, depth {depth}", AdapterParams(
                type=U1, lanes_in=lanes_in, lanes_out=lanes_out, elements=elements, depth=depth)


def _deals():
    for parts, run, depths in ((2, 1, None), (2, 2, (1, 2)), (3, 1, (1, 1, 1))):
        yield f"{parts} x {run}, depths {depths}", DealParams(
            stream=StreamShape(U1, 1, parts * run), parts=parts, run=run, depths=depths)


def _cats():
    for types, output, channels, lanes in (
            ((U1, U1), U1, (1, 2), 1), ((U1, S2), S2, (2, 1), 1), ((BIPOLAR, U1, U1), S2,
                                                                    (1, 1, 1), 1)):
        for depth in (None, 1):
            yield f"{channels}, depth {depth}", CatParams(
                input_types=types, output_type=output, channels=channels, lanes=lanes,
                positions_per_frame=2, depth=depth)


def _pads():
    for shape, pads in (((1, 2, 1), (0, 1, 0, 1)), ((2, 2, 1), (1, 0, 1, 1))):
        for depth in (None, 1):
            yield f"{shape} with {pads}, depth {depth}", PadParams(
                input_type=U1, output_type=U2, shape=shape, pads=pads, value=2, depth=depth)


def _crops():
    for shape, start, size in (((2, 3, 1), (0, 1, 0), (2, 1, 1)), ((3, 2, 1), (1, 0, 0), (1, 2, 1)),
                               ((2, 1, 2), (1, 0, 1), (1, 1, 1))):
        yield f"{size} of {shape}", CropParams(type=U1, shape=shape, start=start, size=size)


def _upsamples():
    for factors in ((1, 2), (2, 1), (2, 2)):
        for depth in (None, 1):
            yield f"factors {factors}, depth {depth}", UpsampleParams(
                type=U1, shape=(1, 2, 1), factors=factors, depth=depth)


def _windows():
    common = dict(type=U1, shape=(2, 3, 1), kernel=(2, 2))
    for mode in ("serial", "column", "full"):
        yield mode, WindowParams(**common, mode=mode)
        yield f"{mode}, depth 1", WindowParams(**common, mode=mode, depth=1)
    yield "serial, padded", WindowParams(**common | {"shape": (2, 2, 1)}, pads=(1, 0, 0, 1),
                                         depth=1)
    yield "full, padded", WindowParams(**common | {"shape": (2, 2, 1)}, pads=(1, 1, 0, 0),
                                       mode="full")
    yield "full, 3 rows", WindowParams(**common | {"shape": (3, 3, 1)}, mode="full")
    yield "full, stride 2", WindowParams(**common | {"shape": (4, 4, 1)}, stride=(2, 2),
                                         mode="full", spare=1)
    yield "full, collected", WindowParams(**common, mode="full", collect=True)


def _neurons():
    weights = np.array([[[1, -2], [-1, 1]]])
    for pe, simd, depth in ((1, 2, 1), (2, 1, 1), (1, 1, 2), (2, 2, None)):
        yield f"pe {pe}, simd {simd}, depth {depth}", NeuronParams(
            input_type=U1, weight_type=S2, output_type=IntType.for_range(-2, 1), weights=weights,
            positions_per_frame=2, pe=pe, simd=simd, depth=depth)


def _thresholds():
    rows = np.array([[-2, 0, 1], [-1, 1, 3]])
    for depth in (None, 1):
        yield f"depth {depth}", ThresholdParams(
            input_type=S3, output_type=U2, thresholds=rows, channels=2, depth=depth)


def _requantizes():
    common = dict(input_type=S3, output_type=U2, shift=1, lo=0, hi=3, channels=2)
    yield "by channel", RequantizeParams(**common, multiplier=np.array([1, 3]),
                                         offset=np.array([1, 0]))
    yield "one for all, depth 1", RequantizeParams(**common, multiplier=np.array([3]),
                                                   offset=np.array([1]), depth=1)


def _joins():
    for depth in (None, 1):
        yield f"depth {depth}", AddParams(input_types=(U2, S2), multipliers=(1, -1), beats=2,
                                          output_type=IntType.for_range(-1, 5), depth=depth)


def _products():
    yield "signed", MultiplyParams(input_types=(S2, U2), offsets=(0, 1), beats=2,
                                   output_type=IntType.for_range(-8, 4))


def _pools():
    yield "max", PoolParams(input_type=S2, output_type=S2, operation="max", window=3,
                            positions_per_frame=2)
    yield "sum, depth 1", PoolParams(input_type=U2, output_type=IntType(4), operation="sum",
                                     window=3, positions_per_frame=2, depth=1)


def _tile_pools():
    yield "max", TilePoolParams(input_type=U1, output_type=U1, operation="max", shape=(2, 3, 1),
                                tile=(2, 1))
    yield "sum, rest left over", TilePoolParams(input_type=U1, output_type=IntType(3),
                                                operation="sum", shape=(2, 3, 1), tile=(2, 2))
    yield "sum of the map", TilePoolParams(input_type=U1, output_type=IntType(3), operation="sum",
                                           shape=(2, 2, 1), tile=(2, 2), depth=1)


def _argmaxes():
    yield "lane by lane", ArgMaxParams(input_type=S2, channels=3)
    yield "two lanes", ArgMaxParams(input_type=U1, channels=4, lanes=2, depth=1)


def _clips():
    for depth in (None, 1):
        yield f"depth {depth}", ClipParams(input_type=S3, output_type=U2, lo=0, hi=2,
                                           positions_per_frame=2, depth=depth)


def _weighs():
    yield "rows and columns", WeighParams(input_type=U2, output_type=IntType(5), channels=1,
                                          rows=(1, 2), columns=(3, 1))


def _chains():
    neuron = NeuronParams(input_type=U1, weight_type=S2, output_type=IntType.for_range(-2, 1),
                          weights=np.array([[[1], [-2]]]), positions_per_frame=2, simd=1)
    yield "neuron, threshold", ChainParams((neuron, ThresholdParams(
        input_type=neuron.output_type, output_type=U1, thresholds=np.array([[0]]),
        positions_per_frame=2)))


CASES: dict[str, dict[str, BlockParams]] = {name: dict(cases()) for name, cases in {
    "fifo": _fifos, "fork": _forks, "adapter": _adapters, "deal": _deals, "cat": _cats,
    "pad": _pads, "crop": _crops, "upsample": _upsamples, "window": _windows, "neuron": _neurons,
    "threshold": _thresholds, "requantize": _requantizes, "clip": _clips, "weigh": _weighs,
    "add": _joins, "multiply": _products, "pool": _pools, "tile_pool": _tile_pools,
    "argmax": _argmaxes, "chain": _chains,
}.items()}
"""Cases by kind of block and name."""
