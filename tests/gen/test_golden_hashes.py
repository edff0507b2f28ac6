"""The Verilog of small designs, module by module, as it was when its hashes were stored.

A change of the hardware that is meant is stored with ``python -m pytest
tests/gen/test_golden_hashes.py --store-hashes``.
"""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

from quantloom.gen.dataflow.fold import fold
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.emit import to_verilog
from quantloom.gen.frontends import load

from ..networks import tiny_network

STORED = Path(__file__).with_name("golden_hashes.json")
DIGITS = Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))
TOOLS = ("amaranth", "pyosys", "ortools")
"""Whose versions decide on the Verilog, too."""


def _network(name):
    return load(DIGITS) if name == "digits" else tiny_network()


DESIGNS = {"tiny-50": ("tiny", 50), "tiny-200": ("tiny", 200), "tiny-2000": ("tiny", 2000),
           "digits-3000": ("digits", 3000)}


def _hashes(name):
    model, cycles = DESIGNS[name]
    network = _network(model)
    foldings = fold(network, cycles)
    text = to_verilog(lower(network, foldings))
    modules = re.findall(r"^module (\w+)\b.*?^endmodule$", text, re.M | re.S)
    bodies = re.finditer(r"^module \w+\b.*?^endmodule$", text, re.M | re.S)
    return {
        "foldings": hashlib.sha256(json.dumps(foldings, sort_keys=True).encode()).hexdigest()[:16],
        **{module: hashlib.sha256(body[0].encode()).hexdigest()[:16]
           for module, body in zip(modules, bodies, strict=True)},
    }


@pytest.mark.parametrize("name", DESIGNS)
def test_unchanged(name, request):
    found = _hashes(name)
    stored = json.loads(STORED.read_text()) if STORED.is_file() else {}
    if request.config.getoption("--store-hashes"):
        stored[name] = found
        stored["tools"] = {tool: version(tool) for tool in TOOLS}
        STORED.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")
    before = stored[name]
    changed = [f"{key}: {'new' if key not in before else 'gone' if key not in found else 'changed'}"
               for key in dict.fromkeys([*before, *found]) if before.get(key) != found.get(key)]
    tools = {tool: version(tool) for tool in TOOLS}
    assert not changed, (f"{name} is no longer the same: {', '.join(changed)} (tools {tools}, "
                         f"then {stored['tools']}); if that is meant, run with --store-hashes")
