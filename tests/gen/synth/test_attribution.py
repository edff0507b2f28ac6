"""Cells of a flattened netlist go to the blocks that they came from."""

from collections import Counter

import pytest

from quantloom.gen.synth.attribution import blocks_of_cells
from quantloom.gen.synth.netlist import Netlist
from quantloom.gen.yosys import run_yosys

SOURCE = """
module top(input aclk, input [7:0] d, output [7:0] q, output reg last);
  wire [7:0] s_payload;
  wire s_ready;
  first first(.clk(aclk), .i_payload(d), .o_payload(s_payload), .o_ready(s_ready));
  second second(.clk(aclk), .i_payload(s_payload), .i_ready(s_ready), .o_payload(q));
  reg [2:0] count;
  always @(posedge aclk) begin count <= count + 1; last <= &count; end
endmodule
module first(input clk, input [7:0] i_payload, output [7:0] o_payload, input o_ready);
  reg [7:0] r;
  always @(posedge clk) if (o_ready) r <= i_payload ^ {i_payload[6:0], i_payload[7]};
  assign o_payload = r & {r[0], r[7:1]};
endmodule
module second(input clk, input [7:0] i_payload, output i_ready, output [7:0] o_payload);
  inner inner(.clk(clk), .i_payload(i_payload), .i_ready(i_ready), .o_payload(o_payload));
endmodule
module inner(input clk, input [7:0] i_payload, output i_ready, output reg [7:0] o_payload);
  reg [1:0] state;
  assign i_ready = state == 2;
  always @(posedge clk) begin state <= state + 1; o_payload <= o_payload + i_payload; end
endmodule
"""


@pytest.fixture(scope="module")
def netlist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("netlist")
    (folder / "top.v").write_text(SOURCE)
    run_yosys(["read_verilog top.v", "synth_xilinx -flatten -abc9 -family xc7 -noiopad -top top",
               "write_json top.json"], directory=folder)
    return Netlist.read(folder / "top.json")


def test_flip_flops_and_logic(netlist):
    owners = blocks_of_cells(netlist, ["first", "second"])
    kinds = Counter((owners.get(name), cell["type"]) for name, cell in netlist.cells.items())
    registers = Counter()
    for (owner, kind), count in kinds.items():
        if kind.startswith("FD"):
            registers[owner] += count
    assert registers == {"first": 8, "second": 10, None: 4}
    luts = Counter()
    for (owner, kind), count in kinds.items():
        if kind.startswith("LUT"):
            luts[owner] += count
    assert luts["first"] >= 8  # the exclusive ors feed its registers
    assert kinds["second", "CARRY4"] == 2 and luts[None] <= 3


def test_the_same_whatever_the_order(netlist):
    assert blocks_of_cells(netlist, ["first", "second"]) == (
        blocks_of_cells(netlist, ["second", "first"]))


def test_what_stands_around(tmp_path):
    """What feeds the accelerator from afar is none of its, whatever it feeds in the end."""
    (tmp_path / "top.v").write_text(SOURCE + """
module board(input aclk, input [7:0] d, output reg [7:0] q);
  reg [7:0] early, held;
  wire [7:0] out;
  always @(posedge aclk) begin early <= early + d; held <= early; q <= out; end
  top core(.aclk(aclk), .d(held), .q(out));
endmodule
""")
    run_yosys(["read_verilog top.v", "synth_xilinx -flatten -family xc7 -noiopad -top board",
               "write_json board.json"], directory=tmp_path)
    netlist = Netlist.read(tmp_path / "board.json")
    owners = blocks_of_cells(netlist, ["first", "second"], "core.")
    registers = Counter(owners.get(name) for name, cell in netlist.cells.items()
                        if cell["type"].startswith("FD"))
    assert registers[None] >= 16 and registers["first"] >= 8 and registers["second"] >= 2
    adders = [name for name, cell in netlist.cells.items() if cell["type"] == "CARRY4"]
    assert Counter(owners.get(name) for name in adders)[None] >= 1
