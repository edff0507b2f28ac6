"""What a flattened 7-series netlist occupies, and how deep its logic is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..estimate.cover import SHARED_INPUTS, shared_sites

__all__ = ["Depth", "Netlist", "Sites", "inputs_of", "outputs_of"]

Bit = int | str
Cell = Mapping[str, Any]

# LUT sites of the memory and shift-register primitives; each column has four in a slice.
_MEMORY_SITES = {
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM32X1D": 2, "RAM64X1D": 2,
    "RAM128X1D": 4, "RAM32M": 4, "RAM64M": 4, "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
}  # fmt: skip

FLIP_FLOPS = frozenset({"FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1",
                         "LDCE", "LDPE"})


@dataclass(frozen=True)
class Sites:
    """LUT sites by what they are used for."""

    lut: int
    carry: int
    memory: int

    @property
    def total(self) -> int:
        """LUT sites in all."""
        return self.lut + self.carry + self.memory


@dataclass(frozen=True)
class Depth:
    """Longest paths between registers, memories and ports.

    Parameters
    ----------
    luts : dict of int to int
        Number of carry chains on a path: most LUTs on such a path, those that feed the chains
        included.
    loops : int
        Nets on combinational loops, which no path crosses.
    """

    luts: dict[int, int]
    loops: int = 0

    @property
    def levels(self) -> int:
        """LUTs beside one carry chain; a second chain counts as another LUT."""
        return max((luts + max(0, chains - 1) for chains, luts in self.luts.items()), default=0)

    def __str__(self) -> str:
        return ", ".join(f"{luts} LUT" + (f" + {chains} carry" if chains else "")
                         for chains, luts in sorted(self.luts.items()))


class Netlist:
    """A module of a netlist that Yosys wrote as JSON, the top one if none is named.

    Parameters
    ----------
    data : dict
        Content of the file.
    module : str or None
        Another module than the top.

    Raises
    ------
    ValueError
        If no module is marked as the top.
    """

    cells: Mapping[str, Cell]
    ports: Mapping[str, Any]
    netnames: Mapping[str, Any]

    def __init__(self, data: Mapping[str, Any], module: str | None = None):
        if module is not None:
            self.cells, self.ports, self.netnames = (
                data["modules"][module][part] for part in ("cells", "ports", "netnames"))
            return
        tops = [m for m in data["modules"].values()
                if int(str(m.get("attributes", {}).get("top", "0")), 2)]
        if not tops:
            raise ValueError("the netlist must have a top module")
        self.cells, self.ports = tops[0]["cells"], tops[0]["ports"]
        self.netnames = tops[0].get("netnames", {})

    @classmethod
    def read(cls, file: Path) -> Netlist:
        """The netlist in a file."""
        return cls(json.loads(file.read_text()))

    @cached_property
    def types(self) -> Counter[str]:
        """Cells by type."""
        return self.kinds()

    def kinds(self, only: Collection[str] | None = None) -> Counter[str]:
        """The same of some cells."""
        return Counter(self.cells[name]["type"] for name in (self.cells if only is None else only))

    @property
    def flip_flops(self) -> int:
        """Flip-flops."""
        return sum(self.types[name] for name in FLIP_FLOPS)

    @property
    def bram36(self) -> float:
        """Block RAMs; half of one is a RAMB18."""
        return self.types["RAMB36E1"] + self.types["RAMB18E1"] / 2

    @cached_property
    def _drivers(self) -> dict[Bit, str]:
        return {bit: name for name, cell in self.cells.items()
                for bit in outputs_of(cell) if isinstance(bit, int)}

    @cached_property
    def _loads(self) -> Counter[Bit]:
        loads: Counter[Bit] = Counter()
        for cell in self.cells.values():
            loads.update(bit for bit in inputs_of(cell) if isinstance(bit, int))
        for port in self.ports.values():
            if port["direction"] != "input":
                loads.update(port["bits"])
        return loads

    def sites(self, only: Collection[str] | None = None) -> Sites:
        """LUT sites after packing, of all cells or of some.

        Place and route packs less than two LUTs a site: a bit of a carry chain takes a site,
        which absorbs the LUTs on its S and DI inputs only if these drive nothing else and have at
        most five inputs together; a carry that leaves its chain takes another; and two other LUTs
        share a site if they have at most five inputs together, two or more of them in common.
        """
        cells = self.cells if only is None else {name: self.cells[name] for name in only}
        carry, absorbed = self._carry_sites(cells)
        luts = {name: _lut_inputs(cell) for name, cell in cells.items()
                if _is_lut(cell) and name not in absorbed}
        memory = sum(_MEMORY_SITES.get(cell["type"], 0) for cell in cells.values())
        return Sites(len(luts) - shared_sites(luts), carry, memory)

    def _carry_sites(self, cells: Mapping[str, Cell]) -> tuple[int, set[str]]:
        """Sites of the carry chains among some cells, and the LUTs that they absorb."""
        chains = [cell["connections"] for cell in cells.values() if cell["type"] == "CARRY4"]
        chained = {bit for pins in chains for bit in pins["CI"]}
        count, absorbed = 0, set[str]()
        for pins in chains:
            for k in range(4):
                outputs = [pins[port][k] for port in ("O", "CO") if port in pins]
                used = isinstance(pins["S"][k], int) or any(self._loads[bit] for bit in outputs)
                if not used:
                    continue
                carry = pins["CO"][k]
                leaves = isinstance(carry, int) and carry not in chained and self._loads[carry]
                count += 2 if leaves else 1
                select, data = self._lone_lut(pins["S"][k]), self._lone_lut(pins["DI"][k])
                if select:
                    absorbed.add(select)
                    if data and len(self._inputs_of(select) | self._inputs_of(data)) <= (
                            SHARED_INPUTS):
                        absorbed.add(data)
        return count, absorbed

    def _lone_lut(self, bit: Bit) -> str | None:
        """The LUT that drives a bit which has no second load."""
        name = self._drivers.get(bit)
        if name is None or not _is_lut(self.cells[name]) or self._loads[bit] != 1:
            return None
        return name

    def _inputs_of(self, lut: str) -> set[Bit]:
        return _lut_inputs(self.cells[lut])

    def depth(self) -> Depth:
        """Most LUTs on a path from register to register, by the number of carry chains on it."""
        arcs = self._arcs()
        ends = {bit for cell in self.cells.values() for bit in _ends(cell)}
        ends |= {bit for port in self.ports.values() if port["direction"] != "input"
                 for bit in port["bits"]}
        done: dict[Bit, dict[int, int]] = {}
        loops = 0
        for end in ends:
            loops += _longest(end, arcs, done)
        result: dict[int, int] = {}
        for end in ends:
            for chains, luts in done[end].items():
                result[chains] = max(result.get(chains, 0), luts)
        # A path with more chains and no fewer LUTs says all that one with fewer would.
        telling = {c: n for c, n in result.items()
                   if not any(c2 > c and n2 >= n for c2, n2 in result.items())}
        return Depth(dict(sorted(telling.items())), loops)

    def _arcs(self) -> dict[Bit, list[tuple[Bit, int, int]]]:
        """For each combinational output its inputs, each with the LUTs and chains of the way."""
        arcs: dict[Bit, list[tuple[Bit, int, int]]] = {}
        for cell in self.cells.values():
            kind, pins = cell["type"], cell["connections"]
            if kind == "CARRY4":
                _carry_arcs(pins, arcs)
                continue
            address = _address(cell)
            if kind in _MEMORY_SITES:
                sources = [(bit, 1, 0) for bit in address]
            elif _is_lut(cell):
                sources = [(bit, 1, 0) for bit in inputs_of(cell)]
            elif kind in ("MUXF7", "MUXF8", "INV", "BUFG", "IBUF", "OBUF"):
                sources = [(bit, 0, 0) for bit in inputs_of(cell)]
            else:
                continue
            for bit in outputs_of(cell):
                arcs[bit] = sources
        return arcs


def _carry_arcs(pins: Mapping[str, list[Bit]], arcs: dict[Bit, list[tuple[Bit, int, int]]]) -> None:
    sources: list[tuple[Bit, int, int]] = [(bit, 0, 0) for bit in pins["CI"]]
    sources += [(bit, 0, 1) for bit in pins["CYINIT"]]
    for k in range(4):
        sources = [*sources, (pins["S"][k], 0, 1)]
        if "O" in pins:
            arcs[pins["O"][k]] = sources
        sources = [*sources, (pins["DI"][k], 0, 1)]
        if "CO" in pins:
            arcs[pins["CO"][k]] = sources


def _longest(end: Bit, arcs: Mapping[Bit, list[tuple[Bit, int, int]]],
             done: dict[Bit, dict[int, int]]) -> int:
    """Fill ``done`` for a bit and all before it; the number of loops that were cut."""
    loops = 0
    open_: set[Bit] = set()
    stack = [end]
    while stack:
        bit = stack[-1]
        if bit in done:
            stack.pop()
            continue
        sources = arcs.get(bit, [])
        if bit not in open_:
            open_.add(bit)
            waiting = [s for s, _, _ in sources if s not in done]
            loops += sum(s in open_ for s in waiting)
            waiting = [s for s in waiting if s not in open_]
            if waiting:
                stack += waiting
                continue
        best: dict[int, int] = {}
        for source, luts, chains in sources:
            for c, n in done.get(source, {}).items():
                best[c + chains] = max(best.get(c + chains, 0), n + luts)
        # A constant or a register begins a path; so does a LUT of constants.
        done[bit] = best or {0: 0}
        stack.pop()
    return loops


def _is_lut(cell: Cell) -> bool:
    return str(cell["type"]).startswith("LUT")


def _lut_inputs(cell: Cell) -> set[Bit]:
    return {bits[0] for port, bits in cell["connections"].items()
            if port.startswith("I") and isinstance(bits[0], int)}


def outputs_of(cell: Cell) -> Iterator[Bit]:
    """Bits that a cell drives."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"].get(port) == "output":
            yield from bits


def inputs_of(cell: Cell) -> Iterator[Bit]:
    """Bits that a cell reads."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"].get(port) != "output":
            yield from bits


def _address(cell: Cell) -> list[Bit]:
    """Pins of a LUT memory that reach its outputs without a clock edge."""
    return [bit for port, bits in cell["connections"].items()
            if port.startswith(("A", "DPRA")) for bit in bits]


def _ends(cell: Cell) -> Iterator[Bit]:
    """Inputs at which a path ends: those of registers and memories, but not their clocks."""
    kind = cell["type"]
    if _is_lut(cell) or kind in ("CARRY4", "MUXF7", "MUXF8", "INV", "BUFG", "IBUF", "OBUF"):
        return
    for port, bits in cell["connections"].items():
        clock = port in ("C", "CLK", "WCLK") or port.startswith("CLK")
        if cell["port_directions"].get(port) != "output" and not clock:
            yield from bits
