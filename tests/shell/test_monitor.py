"""The protocol monitor finds bugs that are planted in a shell's Verilog."""

from __future__ import annotations

import re
import shutil

import pytest

from .conftest import simulate

PLANTS = {
    "wlast a beat early": (
        "writer", r"assign wlast = beat == (\w+);", r"assign wlast = beat + 4'd1 == \1;",
        "wlast is 1 at beat"),
    "an address that does not wait": (
        "writer", r"= awready \? 1'h0 : awvalid;", "= 1'h0;", "awvalid fell before awready"),
    "a burst across 4 KiB": (
        "reader", r"araddr <= (\w+);", r"araddr <= \1 + 32'd64;", "ar crosses 4 KiB"),
    "data that change": (
        "writer", r"assign wdata = (\w+)\[63:0\];", r"assign wdata = {\1[63:1], wready};",
        "the payload of w changed while it waited"),
    "a response too many": (
        "registers", r"= bus_bready \? 1'h0 : bus_bvalid;", "= 1'h1;",
        "a write response without address and data"),
}


def test_finds_nothing(generated, tmp_path):
    simulate(generated("axi"), "skips_axi", "tests.shell.inside", ["planted"], tmp_path,
             QUANTLOOM_TEST_EXPECTED="")


@pytest.mark.parametrize("plant", PLANTS)
def test_finds(plant, generated, tmp_path):
    part, old, new, text = PLANTS[plant]
    directory = tmp_path / "design"
    shutil.copytree(generated("axi"), directory)
    file = directory / "rtl" / "skips_axi.v"

    def changed(module: re.Match[str]) -> str:
        body, places = re.subn(old, new, module[0])
        assert places == 1, f"{places} places have {old!r}"
        return body

    source, modules = re.subn(rf"^module skips_axi_shell_{part}\(.*?^endmodule", changed,
                              file.read_text(), flags=re.M | re.S)
    assert modules == 1
    file.write_text(source)
    simulate(directory, "skips_axi", "tests.shell.inside", ["planted"], tmp_path / "work",
             QUANTLOOM_TEST_EXPECTED=text)
