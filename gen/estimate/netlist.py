"""A block as Amaranth's own netlist, before anything is read out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from amaranth.hdl import Fragment, Signal, _ir, _mem, _nir
from amaranth.lib import wiring

from ...rtl_templates.block import BlockParams

__all__ = ["block_netlist", "inner_sums"]


def block_netlist(params: BlockParams) -> _nir.Netlist:
    """The netlist of a block."""
    with _plain_contents():
        return _netlist(params.create())


@contextmanager
def _plain_contents() -> Iterator[None]:
    """Contents of memories that are plain integers are taken as they are: Amaranth makes a constant
    of each word and checks it, which takes longer than all the rest of a block with large tables.
    """
    checked = _mem._get_init_value

    def plain(value: Any, *rest: Any) -> Any:
        return value if type(value) is int and value >= 0 else checked(value, *rest)

    _mem._get_init_value = plain
    try:
        yield
    finally:
        _mem._get_init_value = checked


def _netlist(component: wiring.Component) -> _nir.Netlist:
    ports = {}
    for path, member, value in component.signature.flatten(component):
        signal = value if isinstance(value, Signal) else value.as_value()
        inward = member.flow == wiring.In
        ports["__".join(map(str, path))] = (
            signal, _ir.PortDirection.Input if inward else _ir.PortDirection.Output)
    # As build_netlist does, but for its checks, which a tested block passes, and for what only
    # emission needs to know.
    netlist = _nir.Netlist()
    _ir._emit_netlist(netlist, Fragment.get(component, None).prepare(ports, hierarchy=("top",)),
                      all_undef_to_ff=False)
    netlist.resolve_all_nets()
    return netlist


def inner_sums(cells: Sequence[_nir.Cell]) -> dict[int, int]:
    """Sums that nothing reads but another sum, which reads the whole; by number, that one's."""
    def added(cell: _nir.Cell) -> bool:
        return isinstance(cell, _nir.Operator) and cell.operator in ("+", "-")

    found: dict[int, int] = {}
    for number, cell in enumerate(cells):
        if added(cell):
            for value in cell.inputs:  # type: ignore[attr-defined]
                inner = value[0] >> 16
                if value[0] > 1 and value[0] & 0xFFFF == 0 and added(cells[inner]):
                    whole = [inner << 16 | k for k in range(cells[inner].width)]  # type: ignore[attr-defined]
                    if list(value[: len(whole)]) == whole and not any(
                            net > 1 and net != whole[-1] for net in value[len(whole) :]):
                        found[inner] = -1 if inner in found else number
    if found:
        for number, cell in enumerate(cells):
            for net in cell.input_nets():
                if net > 1 and found.get(net >> 16, number) != number:
                    found[net >> 16] = -1
    return found
