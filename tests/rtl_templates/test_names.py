"""Signals have the same names, and so the Verilog the same bytes, under every Python.

Amaranth names a signal after the variable that it is assigned to, which it reads off the bytecode.
That of ``a, b = Signal(), Signal()`` differs between versions of Python.
"""

import ast
import inspect
from pathlib import Path

import pytest

from quantloom import boards, gen, rtl_templates

NAMED = {"Signal", "like", "read_port", "write_port", "create"}


def together(source: str) -> list[int]:
    """Lines that assign several signals at once."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            called = [value.func for value in node.value.elts if isinstance(value, ast.Call)]
            names = {getattr(f, "id", getattr(f, "attr", None)) for f in called}
            if names & NAMED:
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("package", [rtl_templates, gen, boards], ids=lambda p: p.__name__)
def test_each_signal_is_assigned_alone(package):
    files = sorted(Path(inspect.getfile(package)).parent.rglob("*.py"))
    assert files
    assert not [(file.name, line) for file in files for line in together(file.read_text())]


def test_it_is_noticed():
    assert together("x = 1\na, b = Signal(), Signal(8, init=1)\nc = Signal()") == [2]
    assert together("read, write = store.read_port(), store.write_port()") == [1]
    assert not together("a, b = f(), g()\nx.y = Signal()")
