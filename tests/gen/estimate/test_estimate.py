"""The estimate of a design: totals, latency, what is missed, plain data."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest

import quantloom
from quantloom.boards.parts import PARTS
from quantloom.gen.dataflow.fold import occupied, shown
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate.latency import first_latency
from quantloom.gen.estimate.resources import dataflow_resources
from quantloom.sim.simulate import simulate

from ...networks import tiny_network
from ...sim.designs import branches, chain, frames_of


def tiny(target: int = 200) -> Design:
    network = tiny_network()
    return Design(network, quantloom.fold(network, target))


def test_totals():
    """Logic is calibrated; memories and DSPs are as the folding has them."""
    design = tiny()
    found = quantloom.estimate(design)
    value = found.to_json()
    total, known = value["total"]["resources"], shown(occupied(design.dataflow))
    assert total["lut"] == ceil(dataflow_resources(design.dataflow).lut)
    assert total["bram36"] == known["BRAM36"] and total["dsp"] == known["DSP"]
    assert value["interval_cycles"] == design.dataflow.interval
    assert [block["name"] for block in value["blocks"]] == list(design.dataflow.blocks)
    assert value["part"] is None and "capacity" not in value and value["misses"] == []
    assert value["images_per_second"] == pytest.approx(100e6 / design.dataflow.interval)


def test_part_of_the_design_and_another():
    design = tiny()
    design.part = PARTS["XC7Z010"]
    assert quantloom.estimate(design).part == PARTS["XC7Z010"]
    found = quantloom.estimate(design, part="xc7z020")
    assert found.part == PARTS["XC7Z020"]
    assert found.to_json()["capacity"] == {"lut": 53_200, "ff": 106_400, "bram36": 140, "dsp": 220}


def test_what_the_part_does_not_hold():
    small = PARTS["XC7Z007S"].__class__("SMALL", "Zynq-7000", 100, 50, 20_000, 50, 66)
    (miss,) = quantloom.estimate(tiny(), part=small).misses
    assert miss.endswith("LUT sites are more than the 100 of SMALL")


def test_unknown_part_lists_the_known():
    with pytest.raises(quantloom.QuantloomError, match=r"one of XC7Z007S, .*not 'XC9'"):
        quantloom.estimate(tiny(), part="XC9")


def test_path(tmp_path):
    with pytest.raises(quantloom.QuantloomError, match="no design there"):
        quantloom.estimate(tmp_path)
    design = tiny()
    design.save(tmp_path)
    assert quantloom.estimate(tmp_path).to_json() == quantloom.estimate(design).to_json()


@pytest.mark.parametrize("dataflow", [
    pytest.param(branches, id="branches"), pytest.param(chain, id="chain"),
    pytest.param(lambda: tiny(60).dataflow, id="tiny-60"),
    pytest.param(lambda: tiny(200).dataflow, id="tiny-200"),
    pytest.param(lambda: tiny(1000).dataflow, id="tiny-1000")])
def test_latency_is_the_simulated_one(dataflow, tmp_path):
    flow = dataflow()
    path = tmp_path / "design.v"
    path.write_text(to_verilog(flow))
    report = simulate(flow, path, frames_of(flow, 1), engine="cxxrtl")
    assert first_latency(flow) == report.latency_cycles


def test_estimate_changes_nothing():
    design = tiny()
    before = to_verilog(design.dataflow)
    quantloom.estimate(design, part="xc7z010")
    assert to_verilog(design.dataflow) == before
    assert np.array_equal(design.network.ops[0].weights, tiny_network().ops[0].weights)
