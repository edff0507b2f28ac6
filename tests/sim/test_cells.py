"""Models of memories and multipliers against the Verilog that synthesis made them from."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from quantloom.gen.synth.ecp5 import Ecp5
from quantloom.gen.synth.xilinx import Xilinx7
from quantloom.gen.yosys import run_yosys
from quantloom.sim.cells import netlist_models

MEMORY = """\
module dut(input clk, en, we, input [{a}:0] wa, ra, input [{d}:0] x, output reg [{d}:0] q, z);
  (* ram_style = "block" *) reg [{d}:0] mem [0:{last}];
  integer k;
  initial begin
    for (k = 0; k <= {last}; k = k + 1) mem[k] = k * 40503 + (k << {d} / 2) + 12345;
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
module dut(input clk, en, we, input [{a}:0] wa, ra, input [{d}:0] x, output reg [{d}:0] q, z);
  wire signed [17:0] a = $signed(wa) * 3, b = $signed(x[{d} / 2:0]);
  wire [16:0] c = ra, e = x;
  always @(posedge clk) begin
    q <= a * b;
    z <= c * e;
  end
endmodule
"""

BENCH = """\
module bench;
  reg clk = 0, en = 0, we = 0;
  reg [{a}:0] wa = 0, ra = 0;
  reg [{d}:0] x = 0;
  wire [{d}:0] q, z, q2, z2;
  dut expected(clk, en, we, wa, ra, x, q, z);
  netlist got(.clk(clk), .en(en), .we(we), .wa(wa), .ra(ra), .x(x), .q(q2), .z(z2));
  integer k, seed = {seed}, wrong = 0;
  initial begin
    for (k = 0; k < 3000; k = k + 1) begin
      // One port's address follows the other's, so that places are read in the cycle they change.
      wa = $unsigned($random(seed)) % ({last} + 1);
      ra = k % 3 ? $unsigned($random(seed)) % ({last} + 1) : wa;
      {{en, we}} = $random(seed);
      x = {{$random(seed), $random(seed)}};
      #1 clk = 1;
      #1 if (k > 2 && {{q, z}} !== {{q2, z2}}) wrong = wrong + 1;
      clk = 0;
      #1;
    end
    $display("wrong %0d, changes %0d", wrong, k);
  end
endmodule
"""

CASES = {
    "xc7": (Xilinx7(), {"wide": (72, 512), "half": (36, 500), "word": (18, 1024), "byte": (9, 2048),
                        "nibble": (4, 4096), "bit": (1, 16384)}, "RAMB"),
    "ecp5": (Ecp5(), {"wide": (72, 512), "half": (36, 512), "word": (18, 1000), "byte": (9, 2048),
                      "nibble": (4, 4096), "bit": (1, 16384)}, "DP16KD"),
}


def _compare(tmp_path, family, text, width, depth, cell):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    values = {"a": (depth - 1).bit_length() - 1, "d": width - 1, "last": depth - 1}
    (tmp_path / "dut.v").write_text(text.format(**values))
    run_yosys(family.script(["dut.v"], "dut", pads=False), directory=tmp_path)
    netlist = (tmp_path / "dut_netlist.v").read_text()
    assert re.search(rf"^  {cell}\w* ", netlist, re.M)
    (tmp_path / "netlist.v").write_text(re.sub(r"^module dut\b", "module netlist", netlist,
                                               flags=re.M))
    seed = int(np.random.default_rng(width).integers(1, 1 << 30))
    print("seed", seed)
    (tmp_path / "bench.v").write_text(BENCH.format(seed=seed, **values))
    subprocess.run(["iverilog", "-g2012", "-s", "bench", "-o", "run", "bench.v", "dut.v",
                    "netlist.v", netlist_models(tmp_path, family.name)],
                   cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "-n", "run"], cwd=tmp_path, check=True, capture_output=True,
                          text=True)
    assert done.stdout.splitlines()[-1] == "wrong 0, changes 3000", done.stdout


@pytest.mark.parametrize("family, name", [(family, name) for family, (_, shapes, _) in CASES.items()
                                          for name in shapes])
def test_memory(tmp_path, family, name):
    """Every width of a port; contents, enables, reads of what is being written."""
    synthesis, shapes, cell = CASES[family]
    _compare(tmp_path, synthesis, MEMORY, *shapes[name], cell)


@pytest.mark.parametrize("family, cell", [("xc7", "DSP48E1"), ("ecp5", "MULT18X18D")])
def test_multiplier(tmp_path, family, cell):
    """Both signs."""
    _compare(tmp_path, CASES[family][0], MULTIPLIER, 36, 1 << 15, cell)
