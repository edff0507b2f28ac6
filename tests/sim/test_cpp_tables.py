"""Statements of Verilator's C++ as tables."""

from __future__ import annotations

import re

from quantloom.sim.cpp_tables import LEAST, with_tables

HEAD = "void initial(Vdut___024root* vlSelf) {\n    // Body\n"


def assignment(name, index, value):
    return f"    vlSelfRef.{name}[{index}] = {value};\n"


def written(text):
    """What each word is last set to, and the number of statements that say it."""
    words, statements = {}, 0
    table = re.compile(r"words\[\] = \{\n(.*?)\};\n.*?(\w+)\[(\d+)U \+ k\]|"
                       r"vlSelfRef\.(\w+)\[(\w+)U\] = (\w+);", re.S)
    for match in table.finditer(text):
        statements += 1
        if match[4]:
            words[match[4], int(match[5], 0)] = match[6]
        else:
            words |= {(match[2], int(match[3]) + k): value
                      for k, value in enumerate(match[1].split(","))}
    return words, statements


def test_consecutive_words_are_a_table():
    text = HEAD + "".join(assignment("rom", f"{k}U" if k < 10 else f"{k:#010x}U", f"{k % 3}U")
                          for k in range(40)) + "}\n"
    short = with_tables(text)
    assert written(short) == (written(text)[0], 1)
    assert short.startswith(HEAD) and short.endswith("    }\n}\n")
    assert "decltype(vlSelfRef.rom[0])" in short and "k < 40;" in short


def test_gaps_and_other_memories_begin_anew():
    text = HEAD + "".join([
        *(assignment("a", f"{k}U", f"0x000000ff{k:02x}ULL") for k in range(20)),
        *(assignment("a", f"{k}U", "1U") for k in range(30, 50)),
        assignment("b", "50U", "7U"),
        *(assignment("a", f"{k}U", "2U") for k in range(45, 45 + LEAST)),
    ])
    short = with_tables(text)
    words, statements = written(short)
    assert words == written(text)[0] and words["a", 45] == "2U" and words["a", 44] == "1U"
    assert statements == 4


def test_other_statements_stay():
    text = HEAD + "".join([
        *(assignment("few", f"{k}U", "1U") for k in range(LEAST - 1)),
        "    vlSelfRef.x = 3U;\n",
        *(assignment("sums", f"{k}U", f"vlSelfRef.sums[{k + 1}U]") for k in range(20)),
        *(assignment("far", f"{3 * k}U", "1U") for k in range(20)),
    ])
    assert with_tables(text) == text
