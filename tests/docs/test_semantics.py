"""``docs/semantics.md`` speaks of every operation that there is, and of no other."""

from __future__ import annotations

import re

from quantloom.gen.network import ops

from .pages import ROOT


def test_every_operation():
    page = (ROOT / "docs" / "semantics.md").read_text()
    table = page.split("| operation | gives |")[1].split("\n\n")[0]
    named = [name for row in table.splitlines()[2:]
             for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(set(ops.__all__) - {"Op"})
