"""Compares what blocks say they occupy with their synthesis."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from amaranth.back import rtlil

from bench.measure import FAMILIES, netlists
from quantloom.gen.synth.netlist import Netlist
from quantloom.gen.yosys import run_yosys
from quantloom.rtl_templates.block import BlockParams

__all__ = ["check_resources", "synthesised"]


def synthesised(blocks: Sequence[BlockParams]) -> list[Netlist]:
    """Netlists for the 7-series, each as its block's synthesis alone has it."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        script = []
        for k, params in enumerate(blocks):
            (directory / f"{k}.il").write_text(
                rtlil.convert(params.create(), name="block", emit_src=False))
            script += ["design -reset", f"read_rtlil {k}.il", "proc", "memory_collect", "flatten",
                       f"write_verilog {k}.v"]
        run_yosys(script, directory=directory)
        return netlists([((directory / f"{k}.v").read_text(), "block")
                         for k in range(len(blocks))], "xc7")


def check_resources(*blocks: BlockParams, rel: float = 0.15,
                    levels: int | None = None) -> list[Netlist]:
    """LUT sites within ``rel`` of the estimate or within five, block RAM and DSP exact.

    ``levels``, if given, is the most LUTs between registers beside a carry chain. Blocks are
    synthesised together: reading the libraries takes longer than most of them.
    """
    found = synthesised(blocks)
    wrong = []
    for params, netlist in zip(blocks, found, strict=True):
        occupied, estimate = FAMILIES["xc7"].count(netlist), params.resources
        if (occupied.lut != pytest.approx(estimate.lut, rel=rel, abs=5)
                or (occupied.bram18, occupied.dsp) != (estimate.bram18, estimate.dsp)):
            wrong.append(f"{params}: {occupied}, estimated {estimate}")
        if levels is not None and netlist.depth().levels > levels:
            wrong.append(f"{params}: {netlist.depth()}, more than {levels} LUT levels")
    assert not wrong, "\n".join(wrong)
    return found
