"""Counting of a netlist: sites as place and route packs them, and logic depth."""

from __future__ import annotations

from typing import Any

import pytest

from bench.area import Area, area, modules_of
from quantloom.gen.synth.netlist import Netlist

ADDER = """\
module add(input clk, input [7:0] a, b, output reg [8:0] y);
  always @(posedge clk) y <= a + b;
endmodule
"""

MEMORY = """\
module store(input clk, we, input [4:0] wa, ra, input [5:0] d, output reg [5:0] q, output reg any);
  reg [5:0] words [0:31];
  always @(posedge clk) begin
    if (we) words[wa] <= d;
    q <= words[ra];
    any <= ^(d & {wa, we}) | &ra;
  end
endmodule
"""


def lut(output: int, *inputs: int) -> dict[str, Any]:
    pins = {f"I{k}": [bit] for k, bit in enumerate(inputs)}
    return {"type": f"LUT{len(inputs)}", "connections": {**pins, "O": [output]},
            "port_directions": {**dict.fromkeys(pins, "input"), "O": "output"}}


def netlist(cells: list[dict[str, Any]], outputs: list[int]) -> Netlist:
    return Netlist({"modules": {"top": {
        "attributes": {"top": "1"}, "cells": {f"c{k}": cell for k, cell in enumerate(cells)},
        "ports": {"y": {"direction": "output", "bits": outputs}}}}})


def test_luts_that_share_inputs_share_a_site() -> None:
    assert netlist([lut(10, 1, 2, 3), lut(11, 1, 2, 4)], [10, 11]).sites().total == 1


@pytest.mark.parametrize("second", [(3, 4), (2, 5, 6, 7, 8)], ids=["one_common", "six_inputs"])
def test_luts_that_do_not_fit_one_site(second: tuple[int, ...]) -> None:
    assert netlist([lut(10, 1, 2, 3), lut(11, *second)], [10, 11]).sites().total == 2


def test_depth_counts_luts_and_carry_chains() -> None:
    carry = {
        "type": "CARRY4",
        "connections": {"CI": ["0"], "CYINIT": ["0"], "S": [10, "0", "0", "0"],
                        "DI": [1, "0", "0", "0"], "O": [20, 21, 22, 23], "CO": [24, 25, 26, 27]},
        "port_directions": {"CI": "input", "CYINIT": "input", "S": "input", "DI": "input",
                            "O": "output", "CO": "output"},
    }  # fmt: skip
    found = netlist([lut(9, 1, 2), lut(10, 9, 3), carry, lut(30, 20, 4)], [30]).depth()
    assert found.luts == {1: 3} and found.levels == 3 and str(found) == "3 LUT + 1 carry"


def test_depth_survives_a_loop() -> None:
    found = netlist([lut(10, 11, 1), lut(11, 10, 2)], [11]).depth()
    assert found.loops == 1 and found.levels >= 1


def test_a_netlist_has_a_top() -> None:
    with pytest.raises(ValueError, match="must have a top module"):
        Netlist({"modules": {}})


def test_modules_of_unknown_top() -> None:
    with pytest.raises(ValueError, match="top must be one of add, not 'sub'"):
        modules_of(ADDER, "sub")


@pytest.fixture(scope="module", params=["add", "store"])
def synthesised(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
                ) -> tuple[str, Area]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANTLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        first = area({"add": ADDER, "store": MEMORY}[request.param], request.param)
        again = area({"add": ADDER, "store": MEMORY}[request.param], request.param)
    assert again == first  # from the cache, its seconds included
    return request.param, first


def test_synthesis(synthesised: tuple[str, Area]) -> None:
    name, found = synthesised
    if name == "add":  # nine bits of a carry chain, the carry out leaves it through its own bit
        assert (found.ff, found.carry_sites, found.memory_sites, found.bram36) == (9, 9, 0, 0)
        assert found.depth == "1 LUT + 1 carry"
    else:
        assert found.memory_sites == 4 and found.ff == 7 and found.carry4 == 0
