"""Which block of a design each cell of its flattened netlist belongs to.

Synthesis names LUTs afresh, so their blocks are found by what they drive: nets keep the names they
had in their modules, registers and memories drive such nets, and a LUT belongs where most of what
it feeds belongs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .netlist import Netlist, inputs_of, outputs_of

__all__ = ["blocks_of_cells"]

Bit = int | str

# Ports of a block that others drive.
_DRIVEN = re.compile(r"(?:clk|rst|i(?:_\d+)?_(?:payload|valid)|(?:o|tap)(?:_\d+)?_ready)$")


def blocks_of_cells(netlist: Netlist, blocks: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Block of each cell; what belongs to none, as the clock's buffer or what stands around the
    accelerator, is left out.

    Parameters
    ----------
    netlist : Netlist
        Flattened, its nets under the names that Yosys gives them: ``block.part.net``.
    blocks : iterable of str
        Instances in the accelerator.
    prefix : str
        What names begin with before those of the blocks, where the accelerator is not the top.
    """
    names = frozenset(blocks)
    nets = _drivers_by_name(netlist.netnames, names, prefix)
    found: dict[str, str] = {}
    for name, cell in netlist.cells.items():
        votes = Counter(nets[bit] for bit in outputs_of(cell) if bit in nets)
        if votes:
            found[name] = _winner(votes)
        elif (block := name.removeprefix(prefix).split(".")[0]) in names:
            found[name] = block  # memories keep their instance's name
    loads: dict[Bit, list[str]] = {}
    for name, cell in netlist.cells.items():
        for bit in inputs_of(cell):
            loads.setdefault(bit, []).append(name)
    waiting = [name for name in netlist.cells if name not in found]
    while waiting:
        new = {}
        for name in waiting:
            votes = Counter(found[load] for bit in outputs_of(netlist.cells[name])
                            for load in loads.get(bit, ()) if load in found)
            if votes:
                new[name] = _winner(votes)
        if not new:
            break
        found |= new
        waiting = [name for name in waiting if name not in new]
    return {name: block for name, block in found.items() if block}


def _winner(votes: Counter[str]) -> str:
    """The most frequent; of equal ones the first in the alphabet, whatever the hash seed."""
    return min(votes, key=lambda block: (-votes[block], block))


def _drivers_by_name(netnames: Mapping[str, Any], blocks: frozenset[str],
                     prefix: str) -> dict[Bit, str]:
    """The block that drives a net, for nets that have a name inside one; empty for others that
    have one outside the accelerator."""
    around: set[Bit] = set()
    inside: dict[Bit, set[str]] = {}
    driven: dict[Bit, set[str]] = {}
    for name, net in netnames.items():
        block, _, rest = name.removeprefix(prefix).partition(".")
        if not name.startswith(prefix):
            if not name.startswith("$"):  # else made up in synthesis
                around.update(bit for bit in net["bits"] if isinstance(bit, int))
            continue
        if block not in blocks or not rest:
            continue
        table = driven if _DRIVEN.match(rest) else inside
        for bit in net["bits"]:
            if isinstance(bit, int):
                table.setdefault(bit, set()).add(block)
    owners = {bit: min(left) for bit, names in inside.items()
              if (left := names - driven.get(bit, set()))}
    return dict.fromkeys(around, "") | owners
