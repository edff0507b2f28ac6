"""Names that Verilog takes as they are."""

from __future__ import annotations

import re

__all__ = ["KEYWORDS", "is_plain", "is_wire"]

# IEEE 1800-2017, Annex B.
_KEYWORD_TEXT = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before
begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class
clocking cmos config const constraint context continue cover covergroup coverpoint cross deassign
default defparam design disable dist do edge else end endcase endchecker endclass endclocking
endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include
initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct
super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order
wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
KEYWORDS = frozenset(_KEYWORD_TEXT.split())
"""Words that Verilog and SystemVerilog reserve."""

# Two underscores in a row separate the parts of names in emission.
_PLAIN = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")


# The ports of the top module, its own registers, and what it has for each stream and FIFO.
_WIRES = re.compile(r"aclk|aresetn|reset|clk|rst|[sm]_axis_\w+|\w+_(payload|valid|ready|level)")


def is_wire(name: str) -> bool:
    """Whether the top module has, or may have, a wire of that name, so that no block can have it.
    """
    return bool(_WIRES.fullmatch(name))


def is_plain(name: object) -> bool:
    """Whether a value is an identifier that needs no escaping and is not reserved."""
    return isinstance(name, str) and bool(_PLAIN.fullmatch(name)) and name not in KEYWORDS
