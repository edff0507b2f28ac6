"""JUnit XML of good and bad simulations, as a CI system would read it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from quantloom.sim.junit import to_junit
from quantloom.sim.report import Mismatch, Report, StreamCheck

GOOD = Report(
    engine="verilator", frames=3, frames_requested=3, mismatches=0, first_mismatch=None,
    streams=(StreamCheck("s_axis", "input", 12, 0), StreamCheck("conv_o", "conv", 9, 0)),
    outputs=None, cycles=100, interval_cycles=30.0, latency_cycles=40, fifo_high_water={},
    fifo_levels={}, deadlock=None, stress=False, seed=0)
WRONG = Mismatch("conv", "conv_o", 1, 2, 0, "conv", (0, 1), 3, 7, 5)


def _cases(report):
    suite = ElementTree.fromstring(to_junit(report, "tiny").split("\n", 1)[1])
    cases = {case.get("name"): case.find("failure") for case in suite}
    assert suite.get("tests") == str(len(cases))
    assert suite.get("failures") == str(sum(found is not None for found in cases.values()))
    assert {case.get("classname") for case in suite} == {"tiny"}
    return {name: None if found is None else found.get("message") for name, found in cases.items()}


def test_equal():
    assert _cases(GOOD) == {"3 frames (verilator)": None, "stream s_axis": None,
                            "stream conv_o": None}


@pytest.mark.parametrize("report, name, text", [
    (replace(GOOD, mismatches=2, first_mismatch=WRONG,
             streams=(*GOOD.streams[:1], StreamCheck("conv_o", "conv", 9, 2))),
     "stream conv_o", "2 of 9 beats differ; block conv, stream conv_o, frame 1, row 0, column 1, "
     "channel 3: expected 7, got 5"),
    (replace(GOOD, frames=1, deadlock="a waits for b"),
     "3 frames (verilator)", "1 of 3 frames came out: a waits for b"),
    (replace(GOOD, mismatches=1, first_mismatch=replace(WRONG, stream="m_axis_tlast")),
     "output", "block conv, stream m_axis_tlast"),
])
def test_not_equal(report, name, text):
    cases = _cases(report)
    assert [key for key, failure in cases.items() if failure] == [name]
    assert text in cases[name]
