"""The serial shell around a small network, from bytes on the line to results."""

from __future__ import annotations

import gc
import json

import pytest

from quantloom.boards.board import board
from quantloom.gen.cli.frames import random_frames
from quantloom.gen.cli.generate import build
from quantloom.gen.errors import QuantloomError
from quantloom.gen.shell import Surroundings

from ..command import quantloom
from .conftest import simulate, skip_design

BAUD = 10_000_000
"""Five cycles a bit, to be quick."""

CASES = ["frames_over_the_line", "frames_through_noise", "host_goes_away", "nobody_there"]


@pytest.fixture(scope="session")
def generated_serial(tmp_path_factory):
    design = skip_design()
    design.clock = 50.0
    out = tmp_path_factory.mktemp("shell") / "serial"
    build(design, out, random_frames(design.network, 1), shell="serial",
          around=Surroundings(board("ulx3s-85f"), BAUD))
    return out


def test_serial(generated_serial, tmp_path):
    simulate(generated_serial, "skips_serial", "tests.shell.line", CASES, tmp_path)


def test_described(generated_serial):
    found = json.loads((generated_serial / "shell" / "registers.json").read_text())
    assert found["baud"] == BAUD and found["memory_bytes"] >= 8192
    assert {pin["port"]: pin["pin"] for pin in found["pins"]} == {
        "clk": "G2", "rx": "M1", "tx": "L4", "led": "B2"}
    assert found["clocks"] == {"clk": 25.0} and found["clock_mhz"] == 50.0


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("around, text", [
    (Surroundings(), "a serial shell is made for a board with an ECP5: give --board"),
    (Surroundings(board("zybo")), "a serial shell is made for a board with an ECP5"),
    (Surroundings(board("ulx3s-85f"), 33_000_000), "--baud: baud must be such that a bit lasts"),
])
def test_unsuitable(around, text, tmp_path):
    design = skip_design()
    design.clock = 50.0
    with pytest.raises(QuantloomError, match=text):
        build(design, tmp_path / "out", random_frames(design.network, 1), shell="serial",
              around=around)
    gc.collect()  # Amaranth warns when a component dies unused: here, not in a later test


def test_zynq_shell_on_a_board_without_one(tmp_path):
    done = quantloom("generate", "none.onnx", "-o", tmp_path / "out", "--board", "zybo-z8")
    assert done.code == 2 and "--board: Board must be one of zybo-z7-10, " in done.err
