"""Verilator's C++ in a form that a compiler is fast with."""

from __future__ import annotations

import re

__all__ = ["with_tables"]

LEAST = 8
"""Assignments from which on they are a table."""

_NUMBER = r"(?:0x[0-9a-f]+|\d+)U(?:LL)?"
_LINE = rf" *(vlSelfRef\.\w+)\[({_NUMBER})\] = ({_NUMBER});\n"
_LINES = re.compile(rf"^(?:{re.sub(r'[(](?![?])', '(?:', _LINE)}){{{LEAST},}}", re.M)


def with_tables(text: str) -> str:
    """C++ with constants that are assigned to consecutive words as tables and loops.

    A memory's first words are a statement each in what Verilator writes, and a compiler takes some
    hundred times as long for a statement as for a number.
    """
    return _LINES.sub(lambda lines: _tables(lines[0]), text)


def _tables(text: str) -> str:
    done: list[str] = []
    name, first, values = "", 0, list[str]()
    for line in re.finditer(_LINE, text):
        index = int(line[2].rstrip("UL"), 0)
        if line[1] != name or index != first + len(values):
            done.append(_table(name, first, values))
            name, first, values = line[1], index, []
        values.append(line[3])
    return "".join([*done, _table(name, first, values)])


def _table(name: str, first: int, values: list[str]) -> str:
    if len(values) < LEAST:
        return "".join(f"    {name}[{first + k}U] = {value};\n" for k, value in enumerate(values))
    return (f"    {{\n    static const std::remove_reference_t<decltype({name}[0])> words[] = {{\n"
            f"{','.join(values)}}};\n"
            f"    for (unsigned k = 0; k < {len(values)}; ++k) {name}[{first}U + k] = words[k];\n"
            "    }\n")
