"""Compares what a block says it occupies with its synthesis."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from amaranth.back import rtlil

from bench.area import Area, area
from quantloom.gen.yosys import run_yosys
from quantloom.rtl_templates.block import BlockParams

__all__ = ["check_resources", "synthesised"]


def synthesised(params: BlockParams) -> Area:
    """What synthesis for the 7-series makes of a block."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "block.il").write_text(
            rtlil.convert(params.create(), name="block", emit_src=False))
        run_yosys(["read_rtlil block.il", "proc", "memory_collect", "flatten",
                   "write_verilog block.v"], directory=directory)
        return area((directory / "block.v").read_text(), "block")


def check_resources(params: BlockParams, *, rel: float = 0.15, levels: int | None = None) -> Area:
    """LUT sites within ``rel`` of the estimate or within five, block RAM and DSP exact.

    ``levels``, if given, is the most LUTs between registers beside a carry chain.
    """
    found, estimate = synthesised(params), params.resources
    assert found.sites == pytest.approx(estimate.lut, rel=rel, abs=5), (found, estimate)
    assert (2 * found.bram36, found.dsp) == (estimate.bram18, estimate.dsp)
    if levels is not None:
        assert found.levels <= levels, found.depth
    return found
