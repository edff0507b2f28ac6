"""Register maps as data, and the cell that the processor is."""

from __future__ import annotations

import re

import pytest

from quantloom.gen.yosys import yosys_share
from quantloom.rtl_templates.block import StreamShape
from quantloom.rtl_templates.shell.params import ShellParams, register_map
from quantloom.rtl_templates.shell.ps7 import INPUTS, processor
from quantloom.rtl_templates.shell.registers import Field, Register, RegisterMap
from quantloom.rtl_templates.types import IntType

SHAPE = StreamShape(IntType(3), 3, 7)


def params(**changes):
    return ShellParams(**{"core": "core", "input": SHAPE, "output": SHAPE, "digest": bytes(16),
                          "clock": 100.0, **changes})


def field(**changes):
    return Field(**{"name": "f", "doc": "A field.", **changes})


@pytest.mark.parametrize("make,text", [
    (lambda: field(access="odd"), "access must be one of constant, read"),
    (lambda: field(low=30, width=4), "bits must lie in 0 to 31, not 30 to 33"),
    (lambda: field(width=2, reset=4), "reset must fit 2 bits, not 4"),
    (lambda: Register(name="r", offset=6, fields=[], doc=""), "multiple of 4, not 6"),
    (lambda: Register(name="r", offset=4, fields=[], doc="", strobe="x"), "strobe must be"),
    (lambda: Register(name="r", offset=4, fields=[field(), field(name="g")], doc=""),
     "field g overlaps another"),
    (lambda: Register(name="r", offset=4, fields=[field(), field(low=1)], doc=""),
     "two fields have one name"),
    (lambda: RegisterMap("m", [Register(name=n, offset=4, fields=[], doc="") for n in "ab"]),
     "two registers have one offset"),
    (lambda: params(digest=b""), "digest must be 16 bytes, not 0"),
    (lambda: params(capture=48), "capture must be a power of two, not 48"),
    (lambda: params(jobs=0), "jobs must be at least 1, not 0"),
    (lambda: params(input=StreamShape(IntType(8), 1, 1 << 24)), "must be below 16777216 bytes"),
])
def test_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_map():
    registers = register_map(params(digest=bytes(range(16))))
    assert registers["hash_1"].reset == 0x04050607
    assert registers["in_length"].reset == 14 and registers["in_stride"].reset == 16
    assert registers["control"]["continuous"].mask == 2
    for register in registers:
        assert register.doc and all(f.doc.endswith((".", "vided")) for f in register.fields)


def test_processor_has_the_ports_of_the_cell():
    """Beside the declaration that comes with the synthesis tool."""
    source = (yosys_share() / "xilinx" / "cells_xtra.v").read_text()
    body = source[source.index("module PS7("):]
    body = body[: body.index("endmodule")]
    declared = {name: int(high or 0) + 1 for high, name in
                re.findall(r"^\s*input\s*(?:\[(\d+):0\])?\s*(\w+);", body, re.M)}
    assert declared == INPUTS
    with pytest.raises(ValueError, match="must be those of a PS7, not NONE"):
        processor(i_NONE=0)
