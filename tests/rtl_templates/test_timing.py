"""What the sizes of buffers depend on, for every block that has a schedule."""

import importlib
import pkgutil

import pytest

import quantloom.rtl_templates
from quantloom.rtl_templates.block import BlockParams, StreamShape
from quantloom.rtl_templates.chain import ChainParams
from quantloom.rtl_templates.deal import DealParams
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.multiply import MultiplyParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.sliding_window import WindowParams
from quantloom.rtl_templates.types import IntType

from .test_chain import CHAINS
from .test_depth import BLOCKS
from .timing import check_monotone, check_places

U2 = IntType(2)


def window(**options):
    return WindowParams(**{**dict(type=U2, shape=(5, 8, 2), kernel=(3, 3), mode="full",
                                  channels=2), **options})


WINDOWS = {
    # Columns that complete no window wait for the beat before them, too.
    "row": window(shape=(6, 13, 1), kernel=(1, 3), channels=1, spare=4),
    "row_kept": window(shape=(6, 13, 1), kernel=(1, 3), channels=1, spare=4, kept=2),
    "row_one_place": window(shape=(4, 9, 1), kernel=(1, 4), channels=1, spare=1, kept=3),
    "padded": window(pads=(1, 1, 1, 1), spare=4),
    "slices": window(channels=1, spare=16, kept=2),
    "stride": window(stride=(2, 2), kernel=(2, 2), spare=4),
    "stride_kept": window(stride=(1, 2), kernel=(1, 2), spare=4, kept=3),
    "stride_slices": window(stride=(1, 2), kernel=(2, 3), channels=1, spare=4, kept=2),
    "positions": window(kernel=(3, 1), positions=2, pixels=1),
    "positions_pixels": window(positions=3, pixels=1, kept=2),
    "pixels": window(kernel=(2, 1), positions=4, pixels=2, spare=1),
    "collected": window(collect=True, channels=1),
    "collected_single": window(collect=True, kernel=(1, 1), kept=2),
    "collected_padded": window(collect=True, kernel=(2, 2), pads=(1, 0, 0, 1), stride=(2, 1)),
    "serial": window(mode="serial", spare=1),
    "serial_kept": window(mode="serial", kernel=(2, 2), stride=(2, 2), channels=1, kept=2),
    "column": window(mode="column", spare=2),
    "column_kept": window(mode="column", kernel=(2, 3), stride=(1, 2), channels=1, kept=3),
}
CASES = {
    **{name: make(None) for name, make in BLOCKS.items()},
    **{f"window_{name}": params for name, params in WINDOWS.items()},
    **{f"chain_{name}": ChainParams(parts) for name, parts in CHAINS.items()},
    "fork": ForkParams(stream=StreamShape(U2, 2, 12)),
    "deal": DealParams(stream=StreamShape(U2, 2, 24), parts=2, run=3),
    "deal_single": DealParams(stream=StreamShape(U2, 1, 12), parts=3, run=1),
    "fork_split": ForkParams(stream=StreamShape(U2, 4, 12), copies=2, lanes=((0, 2), (3, 1))),
    "fork_three": ForkParams(stream=StreamShape(U2, 2, 12), copies=3),
    "multiply": MultiplyParams(input_types=(U2, U2), output_type=IntType(4), lanes=2, beats=9),
}


def test_every_block_is_here():
    for module in pkgutil.iter_modules(quantloom.rtl_templates.__path__):
        importlib.import_module(f"quantloom.rtl_templates.{module.name}")
    kinds, classes = set(), [BlockParams]
    while classes:
        classes += (cls := classes.pop()).__subclasses__()
        if cls.__module__.startswith("quantloom.") and "kind" in vars(cls):
            kinds.add(cls.kind)
    # A FIFO's own schedule has its depth.
    assert kinds == {params.kind for params in CASES.values()} | {"fifo"}


@pytest.mark.parametrize("name", CASES)
def test_places_suffice(name):
    check_places(CASES[name], seed=len(name))


@pytest.mark.parametrize("depth", [None, 1, 2])
@pytest.mark.parametrize("name", CASES)
def test_earlier_never_makes_later(name, depth):
    params = CASES[name]
    if depth is not None:
        params = params.with_depths([depth] * len(params.outputs))
    check_monotone(params, seed=len(name))


@pytest.mark.parametrize("depth", [1, 2, 5, 70])
def test_earlier_never_makes_later_through_a_fifo(depth):
    check_monotone(FifoParams(StreamShape(U2, 2, 40), depth), seed=depth)
