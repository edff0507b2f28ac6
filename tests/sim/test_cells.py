"""Models of memories and multipliers against the Verilog that synthesis made them from."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from quantloom.gen.synth.ecp5 import Ecp5
from quantloom.gen.synth.netlist import Netlist
from quantloom.gen.synth.xilinx import Xilinx7
from quantloom.gen.yosys import run_yosys
from quantloom.sim.cells import netlist_models

MEMORY = """\
module {name}(input clk, en, we, input [{a}:0] wa, ra, input [71:0] x, output reg [{d}:0] q, z);
  (* ram_style = "block" *) reg [{d}:0] mem [0:{last}];
  initial begin
    $readmemh("{name}.hex", mem);
    q = 0;
    z = 0;
  end
  always @(posedge clk) begin
    if (we) mem[wa] <= x;
    if (en) q <= mem[ra];
  end
endmodule
"""

MULTIPLIER = """\
module {name}(input clk, en, we, input [{a}:0] wa, ra, input [71:0] x, output reg [{d}:0] q, z);
  wire signed [17:0] a = $signed(wa) * 3, b = $signed(x[{d} / 2:0]);
  wire [16:0] c = ra, e = x[{d}:0];
  always @(posedge clk) begin
    q <= a * b;
    z <= c * e;
  end
endmodule
"""

BENCH = """\
module bench;
  reg clk = 0, en = 0, we = 0;
  reg [71:0] x = 0;
{wires}
  dut expected(clk, en, we, x{expected});
  netlist got(.clk(clk), .en(en), .we(we), .x(x){got});
  integer k, seed = {seed}, wrong = 0;
  initial begin
    for (k = 0; k < 3000; k = k + 1) begin
      // One port's address follows the other's, so that places are read in the cycle they change.
{addresses}
      {{en, we}} = $random(seed);
      x = {{$random(seed), $random(seed), $random(seed)}};
      #1 clk = 1;
      #1;
{compares}
      clk = 0;
      #1;
    end
    $display("wrong %0d, changes %0d", wrong, k);
  end
endmodule
"""

FAMILIES = {
    "xc7": (Xilinx7(), "RAMB", "DSP48E1"),
    "ecp5": (Ecp5(), "DP16KD", "MULT18X18D"),
}
SHAPES = ((72, 512), (36, 500), (36, 512), (18, 1024), (18, 1000), (9, 2048), (4, 4096), (1, 16384))
"""Bits and words of memories: every width of a port, and depths that are no power of two."""
MEMORIES = {f"memory_{width}_{depth}": (width, depth) for width, depth in SHAPES}
PRODUCTS = {"product": (36, 1 << 15)}


def _sources(seed):
    """Modules, each with its addresses and its outputs to itself, and the bench of all of them."""
    modules, ports, instances = [], [], []
    lines = {"wires": [], "expected": [], "got": [], "addresses": [], "compares": []}
    for name, (width, depth) in (MEMORIES | PRODUCTS).items():
        a, d = (depth - 1).bit_length() - 1, width - 1
        template = MEMORY if name in MEMORIES else MULTIPLIER
        modules.append(template.format(name=f"{name}_block", a=a, d=d, last=depth - 1))
        wa, ra, q, z = own = [f"{letter}_{name}" for letter in ("wa", "ra", "q", "z")]
        ports.append(f"input [{a}:0] {wa}, {ra}, output [{d}:0] {q}, {z}")
        instances.append(f"  {name}_block {name}(clk, en, we, {wa}, {ra}, x, {q}, {z});")
        lines["wires"].append(f"  reg [{a}:0] {wa} = 0, {ra} = 0;\n"
                              f"  wire [{d}:0] {q}, {z}, got_{q}, got_{z};")
        lines["expected"].append(f", {wa}, {ra}, {q}, {z}")
        lines["got"] += [f", .{port}({'got_' if port in (q, z) else ''}{port})" for port in own]
        lines["addresses"].append(
            f"      {wa} = $unsigned($random(seed)) % {depth};\n"
            f"      {ra} = k % 3 ? $unsigned($random(seed)) % {depth} : {wa};")
        lines["compares"].append(
            f"      if (k > 2 && {{{q}, {z}}} !== {{got_{q}, got_{z}}}) begin\n"
            f'        $display("{name} differs in change %0d", k);\n'
            "        wrong = wrong + 1;\n      end")
    top = ("module dut(input clk, en, we, input [71:0] x,\n  " + ",\n  ".join(ports) + ");\n"
           + "\n".join(instances) + "\nendmodule\n")
    joined = {key: ("" if key in ("expected", "got") else "\n").join(text)
              for key, text in lines.items()}
    return "".join(modules) + top, BENCH.format(seed=seed, **joined)


@pytest.mark.parametrize("family", FAMILIES)
def test_cells(tmp_path, family):
    """Contents, enables, reads of what is being written; products of both signs."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    synthesis, memory, multiplier = FAMILIES[family]
    seed = 31
    print("seed", seed)
    source, bench = _sources(seed)
    rng = np.random.default_rng(seed)
    for name, (width, depth) in MEMORIES.items():
        words = rng.integers(0, 256, (depth, 9))
        (tmp_path / f"{name}_block.hex").write_text("".join(
            f"{int.from_bytes(word.tobytes()) >> 72 - width:x}\n"
            for word in words.astype(np.uint8)))
    (tmp_path / "dut.v").write_text(source)
    (tmp_path / "bench.v").write_text(bench)
    run_yosys(synthesis.script(["dut.v"], "dut", pads=False), directory=tmp_path)
    cells = Netlist.read(tmp_path / "dut.json").cells
    for kind, names in (memory, MEMORIES), (multiplier, PRODUCTS):
        made = [name for name, cell in cells.items() if cell["type"].startswith(kind)]
        assert all(any(name in cell for cell in made) for name in names), made
    (tmp_path / "netlist.v").write_text(re.sub(
        r"^module dut\b", "module netlist", (tmp_path / "dut_netlist.v").read_text(), flags=re.M))
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "run", "bench.v", "dut.v",
                    "netlist.v", netlist_models(tmp_path, synthesis.name)],
                   cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "-n", "run"], cwd=tmp_path, check=True, capture_output=True,
                          text=True)
    assert done.stdout.splitlines()[-1] == "wrong 0, changes 3000", done.stdout
