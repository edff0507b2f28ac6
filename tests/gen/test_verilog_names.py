"""Names that the Verilog around the blocks has already."""

from __future__ import annotations

import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.frontends.names import Names
from quantloom.gen.network import Clip, Network, Tensor
from quantloom.gen.verilog_names import is_wire
from quantloom.rtl_templates.types import IntType

TAKEN = ("aclk", "aresetn", "reset", "s_axis_tdata", "m_axis_last", "a_o_valid", "input_payload",
         "a_ready", "queue_level")


@pytest.mark.parametrize("name", TAKEN)
def test_operations_have_other_names(name):
    assert is_wire(name)
    ops = [Clip(name=name, inputs=("input",), lo=1)]
    with pytest.raises(QuantloomError, match=f"'{name}': the name is that of a wire around the"):
        Network("net", Tensor.full((1, 2, 3), IntType(4)), ops)
    assert Names().take(name) == f"{name}_op"


def test_what_only_looks_alike_stays():
    for name in ("valid", "axis_tdata", "level", "ready_a", "resets"):
        assert not is_wire(name) and Names().take(name) == name
