"""What the nets of the emitted Verilog are: registers, logic, memories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Memory", "ModuleNets", "module_nets"]


@dataclass(frozen=True)
class Memory:
    """A memory of a module.

    Parameters
    ----------
    name : str
    style : str
        ``block``, ``logic``, or ``auto`` where synthesis chooses: LUT memory.
    width, depth : int
    reads : tuple of str or None
        A read port's enable: a net, or None where it reads in every cycle.
    writes : tuple of str
        Enables of the write ports; none in a table of constants.
    """

    name: str
    style: str
    width: int
    depth: int
    reads: tuple[str | None, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class ModuleNets:
    """The nets that a module itself drives, each once, and what is in it.

    Parameters
    ----------
    kinds : mapping of str to str
        Class of a net: ``register``, ``logic`` (an expression's result), ``product`` (the result
        of a multiplication of two nets) or ``memory`` (what a memory gives).
    memories : tuple of Memory
    children : mapping of str to str
        Module by instance.
    """

    kinds: Mapping[str, str]
    memories: tuple[Memory, ...]
    children: Mapping[str, str]


_MODULE = re.compile(r"^module (\w+)\(.*?^endmodule", re.M | re.S)
_REG = re.compile(r"^  reg (?:signed )?(?:\[(\d+):0\] )?(\w+)(?: = [^;]+)?;$", re.M)
_MEMORY = re.compile(r'^(?:  \(\* r[ao]m_style = "(\w+)" \*\)\n)?'
                     r"  reg (?:\[(\d+):0\] )?(\w+) \[(\d+):0\];$", re.M)
_ASSIGN = re.compile(r"^  assign (.*?) = (.*);$", re.M)
_CLOCKED = re.compile(r"^  always @\(posedge \w+\)(?: begin)?\n(?:    if \((.*?)\)(?: begin)?\n)?"
                      r" +(.*?) <= (.*);$", re.M)
_INSTANCE = re.compile(r"^  (\w+) (?:#\(.*?\n  \) )?(\w+) \($", re.M)
_WORD = re.compile(r"(?<![\w'.])[A-Za-z_]\w*")
_CONSTANT = re.compile(r"\d+'[bdhos]\w+")
# What only joins, cuts or names bits: identifiers, indices, braces.
_WIRING = re.compile(r"[\w\s\[\]:{},]*")


def module_nets(verilog: str) -> dict[str, ModuleNets]:
    """The modules of a Verilog text that :func:`~quantloom.gen.emit.to_verilog` wrote."""
    return {match[1]: _nets(match[0]) for match in _MODULE.finditer(verilog)}


def _nets(text: str) -> ModuleNets:
    memories = {match[3]: match for match in _MEMORY.finditer(text)}
    kinds = {name: "register" for _, name in _REG.findall(text)}
    reads: dict[str, list[str | None]] = {name: [] for name in memories}
    writes: dict[str, list[str]] = {name: [] for name in memories}
    for enable, left, right in _CLOCKED.findall(text):
        target, source = left.split("[")[0].strip(), right.split("[")[0].strip()
        if target in memories:
            writes[target].append(enable)
        elif source in memories:
            reads[source].append(enable or None)
            kinds[target] = "memory"
    for left, right in _ASSIGN.findall(text):
        source = right.split("[")[0].strip()
        plain = _CONSTANT.sub("", right)
        if source in memories:
            kind = "memory"
            reads[source].append(None)
        elif _WIRING.fullmatch(plain):
            continue  # another name for nets that are counted already
        else:
            kind = "product" if re.fullmatch(r"\$?\(?\w+\)? \* \$?\(?\w+\)?", plain) else "logic"
        for name in _WORD.findall(re.sub(r"\[[^]]*\]", "", left)):
            kinds.setdefault(name, kind)
    children = {name: module for module, name in _INSTANCE.findall(text)}
    return ModuleNets(kinds, tuple(
        Memory(name, match[1] or "auto", int(match[2] or 0) + 1, int(match[4]) + 1,
               tuple(reads[name]), tuple(writes[name])) for name, match in memories.items()),
        children)
