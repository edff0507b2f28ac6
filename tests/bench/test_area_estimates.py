"""Estimates of areas: the rules of memories and DSPs, the calibration, and netlists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from bench.designs import UNSIGNED_4, neuron, window
from bench.measure import measure
from quantloom.boards.parts import ARCHITECTURES, PARTS
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate import apart
from quantloom.gen.estimate.apart import helper, map_blocks
from quantloom.gen.estimate.logic import Store
from quantloom.gen.estimate.mapping import FAMILIES, map_block
from quantloom.gen.estimate.memories import ecp5_memory, xc7_memory
from quantloom.gen.estimate.resources import (
    block_resources,
    calibration,
    dataflow_resources,
)
from quantloom.rtl_templates.adapter import AdapterParams
from quantloom.rtl_templates.add import AddParams
from quantloom.rtl_templates.fork import ForkParams
from quantloom.rtl_templates.types import BIPOLAR, IntType

from ..e2e.random_networks import random_folding, random_network


def store(width, depth, *, style="", written=True, synchronous=False):
    return Store(width, depth, written, synchronous, style, [], [], False, False)


# What Yosys 0.70 made of memories of these sizes: LUT sites and RAMB18E1, LUT4s and DP16KD.
@pytest.mark.parametrize(("memory", "xc7", "ecp5"), [
    (store(3, 2), (0, 0), (0, 0)),  # registers
    (store(4, 2), (4, 0), (6, 0)), (store(5, 2), (4, 0), (0, 0)), (store(6, 32), (4, 0), (24, 0)),
    (store(7, 16), (8, 0), (12, 0)), (store(9, 64), (12, 0), (72, 0)),
    (store(1, 128), (4, 0), (48, 0)),
    (store(64, 40, synchronous=True), (88, 0), (288, 0)),
    (store(1, 512, synchronous=True), (35, 0), (0, 1)),
    (store(12, 512, synchronous=True), (0, 1), (0, 1)),
    (store(12, 128, synchronous=True), (44, 0), (0, 1)),
    (store(5, 1, synchronous=True), (0, 0), (0, 0)),  # registers
    (store(19, 1025, synchronous=True, style="block"), (0, 3), (0, 3)),
    (store(73, 512, synchronous=True, style="block"), (0, 3), (0, 3)),
    (store(40, 600, synchronous=True, style="block"), (0, 3), (0, 3)),
    (store(8, 1024, synchronous=True, written=False), (0, 0), (0, 1)),
    (store(9, 1024, synchronous=True, written=False), (0, 1), (0, 1)),
], ids=lambda value: f"{value.width}x{value.depth}" if isinstance(value, Store) else None)
def test_memories(memory, xc7, ecp5):
    for found, (luts, blocks) in ((xc7_memory(memory), xc7), (ecp5_memory(memory), ecp5)):
        assert (found.memory, found.bram) == (luts, blocks)


def test_logic_beside_memories_on_ecp5():
    """What chooses among several memories in LUTs, and what keeps old words of block RAM."""
    assert ecp5_memory(store(12, 16, synchronous=True)).logic == 0
    assert ecp5_memory(store(12, 100, synchronous=True)).logic == pytest.approx(115, abs=5)
    block = ecp5_memory(store(12, 128, synchronous=True))
    assert block.ff == 33 and block.logic == pytest.approx(19, abs=2)


# Yosys 0.70 made this of the block with a register behind it, with and without an enable.
@pytest.mark.parametrize(("lanes_in", "lanes_out", "depth", "blocks", "registers"), [
    (1, 7, 42, 1, 110), (8, 32, 39, 4, 409)])
def test_memories_take_in_registers(lanes_in, lanes_out, depth, blocks, registers):
    """A queue in LUTs goes into the ECP5's block RAM if the next block only registers its beats."""
    params = AdapterParams(type=UNSIGNED_4, lanes_in=lanes_in, lanes_out=lanes_out,
                           elements=lanes_in * lanes_out, depth=depth)
    alone, merged = (map_block(params, "ecp5", late=late) for late in ((), (0,)))
    assert alone.stored == (True,) and alone.bram == 0 < alone.memory
    assert (merged.bram, merged.memory) == (blocks, 0)
    assert merged.ff + params.outputs[0].width == registers
    xc7 = map_block(params, "xc7")  # whose memories in LUTs are cheaper
    assert xc7.stored == (False,) and map_block(params, "xc7", late=(0,)).ff == xc7.ff


def test_sums_of_sums_are_one_chain():
    """Of four terms, too: what is only added again is not a carry chain of its own."""
    two, four = (map_block(AddParams(input_types=(UNSIGNED_4,) * terms, output_type=IntType(6),
                                     lanes=3, beats=1, multipliers=(1,) * terms), "xc7")
                 for terms in (2, 4))
    assert two.carry == 3 * 5 and four.carry <= 3 * 6


def test_registered_inputs():
    """A neuron with weights in block RAM waits for them; a fork gives its input to others."""
    flow = neuron(UNSIGNED_4, BIPOLAR, slots=80, pe=2, simd=8, memory="block")
    assert map_block(flow.blocks["mac_neuron"].params, "ecp5").registered == (True,)
    stream = flow.blocks["mac_neuron"].params.inputs[0]
    assert map_block(ForkParams(stream=stream, copies=2), "ecp5").registered == (False,)


@pytest.mark.parametrize("family", FAMILIES)
def test_constants_cross_blocks(family):
    """Bits that are constant in a block's input need no memory, and are so in its output."""
    flow = window(channels=2, width=8)
    stream = flow.blocks["mac_window"].params.outputs[0]
    params = ForkParams(stream=stream, copies=2)
    low = stream.width // 2
    whole, part, none = (
        map_block(params, family, ((0,) * known + (None,) * (stream.width - known),))
        for known in (0, low, stream.width))
    assert whole == map_block(params, family)
    assert whole.memory > part.memory > none.memory == 0
    for bits in part.outputs:
        assert bits == (0,) * low + (None,) * (stream.width - low)


def test_mapped_in_two_processes():
    """As in one, block by block."""
    flow = neuron(UNSIGNED_4, BIPOLAR, pe=24, simd=24)
    blocks = [block.params for block in flow.blocks.values()]
    assert sum(block.resources.lut for block in blocks) > 3000  # else one would do
    expected = [map_block(block, "xc7") for block in blocks]
    with helper():
        for _ in range(2):  # it serves until it is ended
            assert map_blocks(blocks, "xc7") == expected
        apart._helper.process.kill()
        assert map_blocks(blocks, "xc7") == expected
    assert map_blocks(blocks, "xc7") == expected


def test_shared_dsps():
    """Four short sums share a DSP, and one that is left alone is a carry chain."""
    for sums, dsps in ((1, 0), (2, 1), (4, 1), (5, 1), (6, 2)):
        flow = neuron(UNSIGNED_4, BIPOLAR, slots=1, pe=sums, simd=6, dsp_rows=2)
        mapped = map_block(flow.blocks["mac_neuron"].params, "xc7")
        marked = to_verilog(flow).count("use_dsp")  # sums of few bits stay in LUTs
        assert mapped.simd == {12: marked} and mapped.multipliers == 0
        assert dataflow_resources(flow).dsp == dsps
        assert dataflow_resources(flow, "ecp5").dsp == 0


def test_calibration():
    stored = calibration()
    assert set(FAMILIES) == set(ARCHITECTURES.values()) <= set(stored)
    assert stored["yosys"] and stored["date"]
    for family in FAMILIES:
        assert stored[family]["tested"]["designs"] >= 10
        for kind, factors in stored[family]["factors"].items():
            assert all(factor >= 0 for factor in factors.values()), kind


def test_a_new_kind_is_estimated():
    @dataclass(frozen=True, eq=False)
    class Other(ForkParams):
        kind: ClassVar[str] = "other"

    flow = window(channels=2, width=8)
    stream = flow.blocks["mac_window"].params.outputs[0]
    known, other = (block_resources(made(stream=stream, copies=2)) for made in (ForkParams, Other))
    assert other.ff == known.ff and other.lut == pytest.approx(known.lut, rel=0.5)


def test_unknown_family():
    flow = window(channels=2, width=8)
    with pytest.raises(ValueError, match="family must be one of xc7, ecp5, not 'ice40'"):
        block_resources(flow.blocks["mac_window"].params, "ice40")


@pytest.mark.parametrize("family", FAMILIES)
def test_close_to_netlist(family):
    """A small network: block RAM and DSPs exactly, LUTs and FFs no worse than is stated."""
    seed = 203
    network = random_network(seed)
    flow = lower(network, random_folding(network, seed))
    said = dataflow_resources(flow, family)
    found = measure({"network": (to_verilog(flow), flow.name)}, family)["network"]
    assert (said.bram18, said.dsp) == (found.bram18, found.dsp)
    worst = calibration()[family]["tested"]
    assert abs(said.lut - found.lut) <= found.lut * worst["lut_worst"] / 100
    assert abs(said.ff - found.ff) <= found.ff * worst["ff_worst"] / 100


def test_parts():
    assert {part.architecture for part in PARTS.values()} == set(FAMILIES)
    assert PARTS["LFE5U-45F"].architecture == "ecp5" != PARTS["XC7A35T"].architecture
