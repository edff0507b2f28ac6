"""Shells that are built once and simulated by several tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from quantloom.gen.cli.generate import build, random_frames
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design

from ..networks import tiny_network

CELLS = Path(__file__).parent / "cells.v"
SEED = 1


def tiny_design() -> Design:
    """A small network whose frames are no whole number of bus words."""
    network = tiny_network()
    return Design(network, fold(network, 200))


def simulate(directory: Path, top: str, module: str, cases: list[str], work: Path,
             seed: int = SEED) -> None:
    """Run cocotb tests on the Verilog of an output directory; raise if one fails."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    runner = get_runner("icarus")
    core = top.rsplit("_", 1)[0]
    sources = [directory / "rtl" / f"{name}.v" for name in (core, top)]
    runner.build(sources=[*sources, CELLS], hdl_toplevel=top, build_dir=work, always=True,
                 timescale=("1ns", "1ps"), build_args=["-Wno-timescale"])
    results = runner.test(
        test_module=module, hdl_toplevel=top, testcase=cases, build_dir=work, test_dir=work,
        seed=seed, extra_env={"QUANTLOOM_TEST_DESIGN": str(directory),
                              "QUANTLOOM_TEST_SEED": str(seed)})
    ran, failed = get_results(results)
    assert ran == len(cases) and failed == 0, f"seed {seed}: {failed} of {ran} tests failed"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Function from a kind of shell to the output directory of the tiny network with it."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            design = tiny_design()
            made[kind] = tmp_path_factory.mktemp("tiny") / kind
            build(design, made[kind], random_frames(design.network, 1), shell=kind)
        return made[kind]

    return get
