"""Random networks with random foldings, through the emitted Verilog, flat out and under stress.

Icarus compiles a small design in an instant, so it takes all but slow ones; the compiling
simulators take those and a sample.
"""

from __future__ import annotations

import shutil

import pytest

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.emit import to_verilog
from quantloom.sim.simulate import simulate

from .random_networks import REARRANGING, STEPS, random_folding, random_network

FRAMES = 4
SLOW = 4000
"""Cycles a frame from which on Icarus would take most of a minute."""


def check(seed, engine, path, steps=STEPS):
    print(f"random network {seed}")
    network = random_network(seed, steps)
    dataflow = lower(network, random_folding(network, seed))
    path.write_text(to_verilog(dataflow))
    if dataflow.interval > SLOW:
        engine = "verilator"
    x = random_frames(network, FRAMES, seed)
    flat = simulate(dataflow, path, x, engine=engine)
    assert flat.ok and flat.frames == FRAMES, (seed, flat.first_mismatch, flat.deadlock)
    assert flat.interval_cycles == pytest.approx(dataflow.interval, rel=0.02), seed
    stressed = simulate(dataflow, path, x, engine=engine, stress=True, seed=seed)
    assert stressed.ok and stressed.frames == FRAMES, (
        seed, stressed.first_mismatch, stressed.deadlock)


@pytest.mark.parametrize("seed", range(32))
def test_icarus(seed, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    check(seed, "icarus", tmp_path / "random.v")


@pytest.mark.parametrize("seed", range(200, 216))
def test_rearranging(seed, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    check(seed, "icarus", tmp_path / "random.v", REARRANGING)


@pytest.mark.parametrize(("seed", "engine"), [(100, "verilator"), (101, "cxxrtl"),
                                              (102, "verilator"), (103, "cxxrtl")])
def test_compiling_simulators(seed, engine, tmp_path):
    check(seed, engine, tmp_path / "random.v")
