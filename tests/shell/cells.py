"""Stand-ins for the cells of a Zynq-7000, whose buses the test benches drive."""

from __future__ import annotations

from quantloom.rtl_templates.shell.axi import axi_signature
from quantloom.rtl_templates.shell.ps7 import INPUTS

__all__ = ["cell_models"]

# Bus in the bench, port of the cell, width of data and IDs.
_BUSES = (("gp0", "MAXIGP0", 32, 12), ("hp0", "SAXIHP0", 64, 6))
_NARROW = {"len": 4, "size": 2}
"""Signals that are narrower at the cell than in AXI4."""


_PLL = """\
module EHXPLLL #(
  parameter PLLRST_ENA = "", INTFB_WAKE = "", STDBY_ENABLE = "", DPHASE_SOURCE = "",
  parameter OUTDIVIDER_MUXA = "", OUTDIVIDER_MUXB = "", OUTDIVIDER_MUXC = "",
  parameter OUTDIVIDER_MUXD = "", CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 1, CLKOP_ENABLE = "",
  parameter CLKOP_CPHASE = 0, CLKOP_FPHASE = 0, FEEDBK_PATH = ""
) (
  input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG,
  input PLLWAKESYNC, ENCLKOP,
  output CLKOP, output reg LOCK
);
  assign CLKOP = CLKI;
  reg [4:0] count = 0;
  initial LOCK = 0;
  always @(posedge CLKI) {LOCK, count} <= {LOCK | &count, count + 5'd1};
endmodule
"""


def cell_models() -> str:
    """Verilog of ``BUFG``, ``PS7`` and the ECP5's ``EHXPLLL``, which gives its input's clock.

    In ``PS7`` stand the signals ``gp0_awaddr`` and so on as AXI4 names and sizes them, ``fclk``,
    ``fresetn`` and ``interrupt``.
    """
    ports = [f"input [{width - 1}:0] {name}" for name, width in INPUTS.items()]
    ports += ["output [3:0] FCLKCLK", "output [3:0] FCLKRESETN"]
    body = ["reg fclk, fresetn;", "wire interrupt = IRQF2P[0];",
            "assign FCLKCLK = {3'b0, fclk};", "assign FCLKRESETN = {3'b0, fresetn};"]
    for bus, port, data_bits, id_bits in _BUSES:
        for name in axi_signature().members:
            width = len(getattr(axi_signature(data_bits, id_bits=id_bits).create(), name))
            cell, wire = f"{port}{name.upper()}", f"{bus}_{name}"
            narrow = _NARROW.get(name[2:], width) if name[0] == "a" else width
            if cell in INPUTS:
                body.append(f"wire [{width - 1}:0] {wire} = {cell};")
            else:
                ports.append(f"output [{narrow - 1}:0] {cell}")
                body += [f"reg [{width - 1}:0] {wire} = 0;", f"assign {cell} = {wire};"]
    return ("module BUFG(input I, output O);\n  assign O = I;\nendmodule\n"
            f"{_PLL}module PS7({', '.join(ports)});\n  " + "\n  ".join(body) + "\nendmodule\n")
