"""The fit of the wires' delays, on designs whose clocks are made up from known delays."""

from dataclasses import replace

import pytest

from bench.clock_designs import FITTED, HELD_OUT, Subject
from bench.clock_fit import Measured, error_of, fit
from quantloom.gen.design import Design
from quantloom.gen.estimate.timing import delays, speeds

from ..e2e.random_networks import random_folding, random_network


def made_up(seed, known):
    network = random_network(seed)
    subject = Subject(f"random network {seed}",
                      lambda: Design(network, random_folding(network, seed)))
    found = speeds(subject.design.dataflow, known)
    return Measured(subject, (min(speed.mhz for speed in found.values()),), {})


def test_known_delays_are_found_again():
    known = replace(delays("ecp5"), wire=0.8, wire_fanout=0.2, wire_size=0.1)
    measured = [made_up(seed, known) for seed in (0, 1, 2, 11, 13, 18, 22, 29)]
    found = fit(measured)
    errors = [error_of(one, found)["error"] for one in measured]
    assert max(map(abs, errors)) < 0.01, (found, errors)


def test_a_line_says_what_limits_the_design():
    known = delays("ecp5")
    line = error_of(made_up(2, known), known)
    assert line["error"] == pytest.approx(0, abs=1e-4)
    assert line["block"] in random_blocks(2) and "fan-out" in line["path"]


def random_blocks(seed):
    network = random_network(seed)
    return Design(network, random_folding(network, seed)).dataflow.blocks


def test_nothing_is_judged_by_what_it_is_fitted_to():
    fitted, held_out = ([subject.name for subject in group] for group in (FITTED, HELD_OUT))
    assert not set(fitted) & set(held_out)
    assert len(set(fitted)) == len(fitted) and len(set(held_out)) == len(held_out) >= 20
