"""Faults at an accelerator without a shell: resets, back-pressure, frames of a wrong length."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from bench.upsets import (
    OUTCOMES,
    control_registers,
    frame_words,
    run_upsets,
    skip_network,
)
from quantloom.gen.dataflow.fold import fold
from quantloom.gen.design import Design
from quantloom.gen.emit import to_verilog
from quantloom.gen.errors import QuantloomError

SEED = 1
CASES = ["reset_at_any_moment", "back_pressure_for_ever", "frames_are_counted"]
TRIALS = 8


@pytest.fixture(scope="module")
def design():
    network = skip_network()
    return Design(network, fold(network, 200))


@pytest.fixture
def icarus():
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")


def test_core(design, icarus, tmp_path):
    print(f"seed {SEED}")
    plan = {**frame_words(design, 3, SEED), "seed": SEED,
            "interval": max(b.params.cycles for b in design.dataflow.blocks.values())}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "core.v").write_text(to_verilog(design.dataflow))
    runner = get_runner("icarus")
    runner.build(sources=[tmp_path / "core.v"], hdl_toplevel=design.dataflow.name,
                 build_dir=tmp_path, timescale=("1ns", "1ps"), build_args=["-Wno-timescale"])
    results = runner.test(test_module="tests.faults.inside", hdl_toplevel=design.dataflow.name,
                          testcase=CASES, build_dir=tmp_path, test_dir=tmp_path, seed=SEED,
                          extra_env={"QUANTLOOM_TEST_PLAN": str(tmp_path / "plan.json")})
    assert get_results(results) == (len(CASES), 0), f"seed {SEED}"


def test_control_registers(design):
    """Those that a reset sets: flags and counters, no data."""
    registers = control_registers(to_verilog(design.dataflow), design.dataflow.name)
    paths = {register.path for register in registers}
    assert {"m_axis_beat", "conv1_window.lines.filled"} <= paths
    assert "conv1_window.lines.newest" not in paths
    assert len(paths) == len(registers) > 50


def test_upsets(design, icarus):
    """A frame behind an upset and a reset is right: the run raises if not."""
    print(f"seed {SEED}")
    outcomes = run_upsets(design, TRIALS, SEED)
    assert len(outcomes) == TRIALS and {o["outcome"] for o in outcomes} <= set(OUTCOMES)
    assert len({(o["register"], o["bit"]) for o in outcomes}) == TRIALS
    assert np.mean([o["outcome"] == "correct" for o in outcomes]) < 1, "flips do nothing"


def test_upsets_want_icarus(design, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(QuantloomError, match="Icarus Verilog is not installed: apt install"):
        run_upsets(design, 1, SEED)
