"""Shells that are built once and simulated by several tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.network import Add, Conv2d, Dense, MaxPool, Network, Pad, Tensor
from quantloom.rtl_templates.types import BIPOLAR, IntType

from ..networks import tiny_network
from .cells import cell_models

SEED = 1


def skip_design() -> Design:
    """A skip around a convolution, with a FIFO in it; frames of odd numbers of bytes."""
    rng = np.random.default_rng(0)
    network = Network("skips", Tensor.full((5, 39, 1), IntType(3)), [
        Pad(name="pad", inputs=("input",), pads=(2, 2, 2, 2)),
        Conv2d(name="conv", inputs=("pad",), weight_type=BIPOLAR,
               weights=BIPOLAR.decode(rng.integers(0, 2, (5, 5, 1, 1)))),
        Add(name="sum", inputs=("conv", "input"), multipliers=(1, 1)),
        MaxPool(name="pool", inputs=("sum",), kernel=(5, 3), stride=(5, 3)),
        Dense(name="fc", inputs=("pool",), weights=rng.integers(-3, 4, (13, 5)),
              weight_type=IntType(3, True)),
    ])
    return Design(network, {**fold(network, 200), "input": {"lanes": 1}})


def wide_design() -> Design:
    """A network that takes whole pixels, in beats of two bytes."""
    network = tiny_network()
    return Design(network, {**fold(network, 200), "input": {"lanes": 3}})


DESIGNS = {"axi": skip_design, "zynq": wide_design}


def simulate(directory: Path, top: str, module: str, cases: list[str], work: Path,
             seed: int = SEED, **environment: str) -> None:
    """Run cocotb tests on the Verilog of an output directory; raise if one fails."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    runner = get_runner("icarus")
    core = top.rsplit("_", 1)[0]
    sources = [directory / "rtl" / f"{name}.v" for name in (core, top)]
    work.mkdir(exist_ok=True)
    cells = work / "cells.v"
    cells.write_text(cell_models())
    runner.build(sources=[*sources, cells], hdl_toplevel=top, build_dir=work, always=True,
                 timescale=("1ns", "1ps"), build_args=["-Wno-timescale"])
    try:
        results = runner.test(
            test_module=module, hdl_toplevel=top, testcase=cases, build_dir=work, test_dir=work,
            seed=seed, extra_env={"QUANTLOOM_TEST_DESIGN": str(directory),
                                  "QUANTLOOM_TEST_SEED": str(seed), **environment})
    except SystemExit as stop:  # how the runner says that a test failed
        raise AssertionError(f"seed {seed}: a test failed in the simulator") from stop
    ran, failed = get_results(results)
    assert ran == len(cases) and failed == 0, f"seed {seed}: {failed} of {ran} tests failed"


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Function from a kind of shell to the output directory of a design with it."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            design = DESIGNS[kind]()
            made[kind] = tmp_path_factory.mktemp("shell") / kind
            build(design, made[kind], random_frames(design.network, 1), shell=kind)
        return made[kind]

    return get
