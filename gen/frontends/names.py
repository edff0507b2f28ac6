"""Names of operations: speaking, safe in Verilog, unique."""

from __future__ import annotations

import re

__all__ = ["Names", "speaking"]

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
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())

# Parts of module paths that exporters write and that say nothing.
_NOISE = frozenset({"export_handler", "act_quant", "input_quant", "output_quant", "weight_quant",
                    "tensor_quant", "quant", "fused_activation_quant_proxy", "model", ""})
_GENERIC = re.compile(r"(?:int|bipolar)?quant|multithreshold|trunc")


class Names:
    """Gives out the names of one network's operations."""

    def __init__(self) -> None:
        # "input" is the input tensor's name, clk and rst those of the top's ports.
        self._taken = {"input", "clk", "rst", "output"}

    def take(self, *candidates: str) -> str:
        """The first candidate that is free, else the last with a number."""
        names = [_safe(c) for c in candidates if c]
        name = next((n for n in names if n not in self._taken), None)
        count = 2
        while name is None:
            numbered = f"{names[-1]}_{count}"
            name = None if numbered in self._taken else numbered
            count += 1
        self._taken.add(name)
        return name

    def numbered(self, kind: str) -> str:
        """``kind`` with the lowest free number from 0, for nodes without a name."""
        count = 0
        while f"{kind}{count}" in self._taken:
            count += 1
        return self.take(f"{kind}{count}")


def _safe(name: str) -> str:
    name = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_")[:64]
    if not name or not name[0].isalpha():
        name = f"n_{name}".rstrip("_")
    return f"{name}_op" if name in _KEYWORDS else name


def speaking(name: str, op: str) -> str:
    """The telling part of a node's name, or an empty string.

    Exporters write module paths (``/features/conv1/Conv``) or the operation and a number
    (``Conv_5``); the path without its noise is kept. A quantiser that is called after its own
    operation says nothing.
    """
    parts = [p for p in name.split("/") if p.lower() not in _NOISE]
    own = re.compile(rf"{re.escape(op)}(_\d+)?", re.IGNORECASE)
    if len(parts) > 1 and own.fullmatch(parts[-1]):
        parts.pop()
    text = "_".join(parts)
    if _GENERIC.fullmatch(re.sub(r"_?\d+$", "", text.lower())):
        return ""
    return text
