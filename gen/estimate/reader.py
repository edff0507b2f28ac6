"""Reads a block's own hardware description into logic.

Constants are followed, registers take their clock enables and synchronous resets out of the logic
before them, as synthesis does, and what reaches no output is never built.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from amaranth.hdl import _nir

from ...rtl_templates.block import BlockParams
from .arithmetic import Rules, compare, product, shortened, sum_bits, total
from .logic import MUX, Bits, Chain, Inputs, Logic, Product, Register, Store
from .netlist import block_netlist, inner_sums

__all__ = ["read"]

_ROUNDS = 6
"""Registers that turn out equal or constant are replaced so many times at most."""

_DEEPEST = 100_000
"""Logic between registers is followed by recursion."""


@contextmanager
def _deep() -> Iterator[None]:
    """Recursion as deep as logic between registers may be."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def read(params: BlockParams, rules: Rules, inputs: Inputs = ()) -> Logic:
    """The logic of a block.

    Parameters
    ----------
    params : BlockParams
    rules : Rules
    inputs : tuple of Bits
        What is known of the bits of each input's payload; see :data:`.logic.Bits`. Nothing is
        known of inputs beyond the tuple.
    """
    netlist = block_netlist(params)
    same: dict[int, int] = {}
    widths: dict[int, int] = {}
    for _ in range(_ROUNDS):
        reader = _Reader(netlist, rules, same, widths, inputs)
        with _deep():
            reader.run()
        if not reader.merge() | reader.narrow():
            break
    return reader.logic


class _Reader:
    """Reads a netlist of Amaranth's.

    ``same`` gives for a register's net what replaces it, ``widths`` for a cell that calculates the
    bits that are read, so that the next reader knows them.
    """

    def __init__(self, netlist: _nir.Netlist, rules: Rules, same: dict[int, int],
                 widths: dict[int, int], inputs: Inputs):
        self.cells, self.top = netlist.cells, netlist.top
        self.rules = rules
        self.same, self.widths = same, widths
        self._inner = inner_sums(netlist.cells)
        self._reached: dict[int, int] = {}
        self.logic = Logic()
        self.known: dict[int, int] = {0: 0, 1: 1}
        self.q_nets: dict[int, int] = {}  # node of a register: its net
        self._units: dict[int, Chain | Product | Store] = {}
        self._sums: dict[int, Chain] = {}  # those on carry chains or in DSPs
        self._waiting: list[int] = []
        self._read_stores: list[int] = []
        self._read_nets: dict[int, list[int]] = {}  # by memory
        self._inits: dict[int, int] = {}
        self._writes: dict[int, list[_nir.SyncWritePort]] = {}
        # Sums that DSPs may take, and the bits of the signal that says so.
        self._simd = {net >> 16: len(value) for signal, value in netlist.signals.items()
                      if rules.simd and "use_dsp" in signal.attrs for net in value if net > 1}
        self._inputs = {start + place: (start, known)
                        for name, (start, _) in self.top.ports_i.items()
                        for place, known in enumerate(_known_of(name, inputs))}
        for cell in self.cells:
            if isinstance(cell, _nir.SyncWritePort):
                self._writes.setdefault(cell.memory, []).append(cell)

    def run(self) -> None:
        """Build all that the outputs need."""
        logic = self.logic
        for name, value in self.top.ports_o.items():
            if not name.startswith("tap"):  # what is only watched is swept away
                logic.outputs[name] = [self.bit(net) for net in value]
                logic.roots += logic.outputs[name]
        while self._waiting or self._read_stores:
            while self._waiting:
                self._register(self._waiting.pop())
            if self._read_stores:
                self._write(self._read_stores.pop())
        for name, (start, width) in self.top.ports_i.items():
            logic.inputs[name] = [self.known[net] for net in range(start, start + width)
                                  if net in self.known]

    def narrow(self) -> bool:
        """Note how many bits of sums and products are read; whether any were thought to be."""
        new = False
        for number, width in self._reached.items():
            cell = self.cells[number]
            assert isinstance(cell, _nir.Operator)
            new |= width < self.widths.get(number, cell.width)
            self.widths[number] = width
        return new

    def merge(self) -> bool:
        """Find registers, sums and bits of memories that are constant, or equal to another;
        whether there are new ones."""
        same = self.same
        before = len(same)
        self._merge_chains()
        self._merge_memories()
        found: dict[tuple[int, ...], int] = {}
        for node, register in self.logic.registers.items():
            net = self.q_nets[node]
            data, own = register.data, 2 * node
            if data in (own, register.init) and (
                    register.reset == 0 or register.value == register.init):
                same[net] = register.init
                continue
            key = (data, register.enable, register.reset, register.value, register.init)
            other = found.setdefault(key, net)
            if other != net:
                same[net] = other
        return len(same) > before

    def _merge_chains(self) -> None:
        found: dict[tuple[Any, ...], int] = {}
        for number, chain in self._sums.items():
            one, two = (tuple(own) for own in chain.operands)
            # Literals of operands that are sums too are equal only a round later.
            other = found.setdefault((one, two, chain.minus, chain.low, chain.simd), number)
            if other != number:
                self.same.update({number << 16 | place: other << 16 | place for place in
                                  range(chain.low, chain.low + len(chain.outputs))})

    def _merge_memories(self) -> None:
        """Bits that are 0 at the start and never written otherwise."""
        for number, store in self._units.items():
            memory = self.cells[number]
            if isinstance(store, Store) and store.written and isinstance(memory, _nir.Memory):
                for net in self._read_nets[number]:
                    place = net & 0xFFFF
                    if not any(word >> place & 1 for word in memory.init) and all(
                            self.known[port.data[place]] == 0 for port in self._writes[number]):
                        self.same[net] = 0

    def bit(self, net: int) -> int:
        """Literal of a net."""
        found = self.known.get(net)
        if found is None:
            if net in self.same:
                found = self.bit(self.same[net])
            else:
                number, place = net >> 16, net & 0xFFFF
                found = self._of(number, self.cells[number], place)
            self.known[net] = found
        return found

    def _resolved(self, net: int) -> int:
        """What replaces a net, without building it."""
        while net in self.same:
            net = self.same[net]
        return net

    def bits(self, value: Sequence[int]) -> list[int]:
        """Literals of nets."""
        return [self.bit(net) for net in value]

    def _of(self, number: int, cell: _nir.Cell, place: int) -> int:
        logic = self.logic
        match cell:
            case _nir.Operator():
                return self._operator(number, cell, place)
            case _nir.AssignmentList():
                return self._assigned(cell, place)
            case _nir.FlipFlop():
                literal = logic.leaf()
                self.q_nets[literal >> 1] = (number << 16) | place
                self._waiting.append(literal >> 1)
                return literal
            case _nir.Part():
                stride, value = cell.stride, cell.value
                fill = value[-1] if cell.value_signed else None
                words = []
                for k in range(1 << len(cell.offset)):
                    at = k * stride + place
                    if at >= len(value) and k * stride >= len(value):
                        break
                    words.append(value[at] if at < len(value) else fill)
                literals = [None if net is None else self.bit(net) for net in words]
                return logic.choose(literals, self.bits(cell.offset)) or 0
            case _nir.Matches():
                value = self.bits(cell.value)
                return logic.any([
                    logic.all([literal ^ (want == "0")
                               for literal, want in zip(reversed(value), pattern, strict=True)
                               if want != "-"]) for pattern in cell.patterns])
            case _nir.PriorityMatch():
                before = [self.bit(net) ^ 1 for net in cell.inputs[:place]]
                return logic.all([self.bit(cell.en), self.bit(cell.inputs[place]), *before])
            case _nir.AsyncReadPort() | _nir.SyncReadPort():
                return self._read_bit(number, cell, place)
            case _nir.Top():
                start, known = self._inputs.get(place, (0, None))
                if known is None:
                    return logic.leaf()
                return known if known < 2 else self.bit(start + (known >> 1) - 1) ^ known & 1
        raise NotImplementedError(f"no area is known of {type(cell).__name__}")

    # Assignments: conditions are priorities among matches, one inside another.

    def _assigned(self, cell: _nir.AssignmentList, place: int) -> int:
        steps = [(self._path(a.cond), a.value[place - a.start]) for a in cell.assignments
                 if a.start <= place < a.start + len(a.value)]
        return self._nested(self.bit(cell.default[place]), steps)

    def _path(self, condition: int) -> list[tuple[int, int]]:
        """Choices that lead to a condition, outermost first: priority cell and place."""
        path: list[tuple[int, int]] = []
        while condition > 1:
            number = condition >> 16
            path.append((number, condition & 0xFFFF))
            condition = self.cells[number].en  # type: ignore[attr-defined]
        return path[::-1]

    def _nested(self, value: int, steps: list[tuple[list[tuple[int, int]], int]]) -> int:
        k = 0
        while k < len(steps):
            path = steps[k][0]
            if not path:
                value = self.bit(steps[k][1])
                k += 1
                continue
            number = path[0][0]
            inside: dict[int, list[tuple[list[tuple[int, int]], int]]] = {}
            while k < len(steps) and steps[k][0] and steps[k][0][0][0] == number:
                (_, place), *rest = steps[k][0]
                inside.setdefault(place, []).append((rest, steps[k][1]))
                k += 1
            inputs = self.cells[number].inputs  # type: ignore[attr-defined]
            result = value
            for place in range(len(inputs) - 1, -1, -1):
                branch = self._nested(value, inside[place]) if place in inside else value
                result = self.logic.mux(self.bit(inputs[place]), branch, result)
            value = result
        return value

    # Operators.

    def _operator(self, number: int, cell: _nir.Operator, place: int) -> int:
        logic, name, inputs = self.logic, cell.operator, cell.inputs
        match name:
            case "~":
                return self.bit(inputs[0][place]) ^ 1
            case "&" | "|" | "^":
                a, b = self.bit(inputs[0][place]), self.bit(inputs[1][place])
                return {"&": logic.and_, "|": logic.or_, "^": logic.xor}[name](a, b)
            case "m":
                return logic.mux(self.bit(inputs[0][0]), self.bit(inputs[1][place]),
                                 self.bit(inputs[2][place]))
            case "b" | "r|":
                return logic.any(self.bits(inputs[0]))
            case "r&":
                return logic.all(self.bits(inputs[0]))
            case "r^":
                return logic.parity(self.bits(inputs[0]))
            case "==" | "!=":
                equal = logic.all([logic.xor(self.bit(a), self.bit(b)) ^ 1
                                   for a, b in zip(*inputs, strict=True)])
                return equal ^ (name == "!=")
            case "+" | "-" | "*":
                self._reached[number] = max(self._reached.get(number, 0), place + 1)
                return (self._multiply(number, cell, place) if name == "*"
                        else self._add(number, cell, place))
            case "<<" | "u>>" | "s>>":
                return self._shifted(cell, place)
        if name[1:] in ("<", ">", "<=", ">="):
            left, right = (self.bits(value) for value in inputs)
            return compare(logic, name, left, right, self.rules)
        raise NotImplementedError(f"no area is known of the operator {name}")

    def _shifted(self, cell: _nir.Operator, place: int) -> int:
        value, amount = cell.inputs
        step = -1 if cell.operator == "<<" else 1
        fill = value[-1] if cell.operator == "s>>" else 0
        reach = min(len(value), 1 << len(amount))
        words: list[int | None] = [
            self.bit(value[at] if 0 <= (at := place + step * k) < len(value) else fill)
            for k in range(reach)]
        return self.logic.choose(words, self.bits(amount)) or 0

    def _add(self, number: int, cell: _nir.Operator, place: int) -> int:
        """A bit of a sum; lowest bits to which nothing is added are the operand's."""
        logic, minus = self.logic, cell.operator == "-"
        operands = cell.inputs if len(cell.inputs) == 2 else (
            _nir.Value.zeros(len(cell.inputs[0])), cell.inputs[0])
        reach, signed = sum_bits([[self._resolved(net) for net in value] for value in operands],
                                 minus)
        if place >= reach:  # only extends the sum
            return self._add(number, cell, reach - 1) if signed else 0
        chain = self._units.get(number)
        if chain is None and number not in self._simd:
            terms = list(self._terms(number, False))
            if len(terms) > 2 and all(len(shortened(bits, True)) > 2 for bits, _ in terms):
                width = min(reach, self.widths.get(number, reach))
                outputs = total(logic, terms, width, self.rules.soft_bits)
                chain = self._units[number] = Product((terms[0][0], terms[1][0]), outputs, True)
        if isinstance(chain, Product):
            return chain.outputs[min(place, len(chain.outputs) - 1)]
        if chain is None:
            low = 0
            while low < reach:
                a, b = self.bit(operands[0][low]), self.bit(operands[1][low])
                if b and (a or minus):
                    break
                low += 1
            width = min(reach, self.widths.get(number, reach))
            chain = Chain(([], []), minus=minus, low=low,
                          simd=self._in_dsps(number, cell, width))
            self._units[number] = chain
        assert isinstance(chain, Chain)
        low = chain.low
        if place < low:
            a, b = self.bit(operands[0][place]), self.bit(operands[1][place])
            return a or b
        width = min(reach, self.widths.get(number, reach))
        soft = width - low <= self.rules.soft_bits and not chain.simd
        for k in range(low + len(chain.operands[0]), place + 1):
            for own, value in zip(chain.operands, operands, strict=True):
                own.append(self.bit(value[k]))
            if soft:
                a, b = chain.operands[0][-1], chain.operands[1][-1] ^ minus
                carry = chain.carry if k > low else int(minus)
                chain.outputs.append(logic.xor(logic.xor(a, b), carry))
                chain.carry = logic.majority(a, b, carry)
            else:
                if not chain.outputs:
                    logic.chains.append(chain)
                    self._sums[number] = chain
                chain.outputs.append(logic.leaf())
        chain.used = max(chain.used, place - low + 1)
        return chain.outputs[place - low]

    def _terms(self, number: int, minus: bool) -> Iterator[tuple[list[int], bool]]:
        """What a sum adds up, or takes away, and what the sums add up that only it reads."""
        cell = self.cells[number]
        assert isinstance(cell, _nir.Operator)
        for k, value in enumerate(cell.inputs):
            less = minus ^ (cell.operator == "-" and k == len(cell.inputs) - 1)
            inner = value[0] >> 16
            if self._inner.get(inner) == number and inner not in self._simd:
                yield from self._terms(inner, less)
            else:
                yield self.bits(value), less

    def _in_dsps(self, number: int, cell: _nir.Operator, width: int) -> bool:
        """Whether DSPs may take a sum of which so many bits are left.

        Yosys looks for the attribute on the wire that carries the sum. A sum wider than the signal
        that has the attribute is on a wire of its own, unless the two are equally wide once
        synthesis has cut what is not needed.
        """
        marked = self._simd.get(number)
        return marked is not None and (cell.width <= marked or width == marked)

    def _multiply(self, number: int, cell: _nir.Operator, place: int) -> int:
        unit = self._units.get(number)
        if unit is None:
            a, b = (self.bits(value) for value in cell.inputs)
            unit = self._units[number] = product(
                self.logic, a, b, self.widths.get(number, len(a)), self.rules)
        return unit.outputs[place]

    # Registers and memories.

    def _register(self, node: int) -> None:
        net = self.q_nets[node]
        cell = self.cells[net >> 16]
        assert isinstance(cell, _nir.FlipFlop)
        place = net & 0xFFFF
        data, own = self.bit(cell.data[place]), 2 * node
        init = cell.init >> place & 1
        logic, enable, reset, value = self.logic, 1, 0, -1
        while logic.kind[data >> 1] == MUX:
            mux, flip = data >> 1, data & 1
            s, a, b = logic.first[mux], logic.second[mux] ^ flip, logic.third[mux] ^ flip
            if a == own or b == own:
                enable = logic.and_(enable, s ^ (a == own))
                data = b if a == own else a
            elif (constant := min(a, b)) < 2 and value in (-1, constant):
                value = constant
                reset = logic.or_(reset, s ^ (b < 2))
                data = b if a < 2 else a
            else:
                held = self._held(data, own, {})
                if held == 0:
                    break
                enable = logic.and_(enable, held ^ 1)
                data = self._moved(data, own, {})
                break
        logic.registers[node] = Register(node, data, enable, reset, value, init)

    def _held(self, literal: int, own: int, seen: dict[int, int]) -> int:
        """When a tree of multiplexers gives the register's own output."""
        if literal == own:
            return 1
        node, flip, logic = literal >> 1, literal & 1, self.logic
        if logic.kind[node] != MUX:
            return 0
        if literal not in seen:
            seen[literal] = logic.mux(
                logic.first[node], self._held(logic.second[node] ^ flip, own, seen),
                self._held(logic.third[node] ^ flip, own, seen))
        return seen[literal]

    def _moved(self, literal: int, own: int, seen: dict[int, int | None]) -> int:
        """What the tree gives otherwise."""
        def strip(at: int) -> int | None:
            if at == own:
                return None
            node, flip, logic = at >> 1, at & 1, self.logic
            if logic.kind[node] != MUX:
                return at
            if at not in seen:
                a, b = strip(logic.second[node] ^ flip), strip(logic.third[node] ^ flip)
                seen[at] = (b if a is None else a if b is None
                            else logic.mux(logic.first[node], a, b))
            return seen[at]

        return strip(literal) or 0

    def _read_bit(self, number: int, port: _nir.AsyncReadPort | _nir.SyncReadPort,
                  place: int) -> int:
        memory, logic = self.cells[port.memory], self.logic
        assert isinstance(memory, _nir.Memory)
        written = port.memory in self._writes
        synchronous = isinstance(port, _nir.SyncReadPort)
        if not written and not synchronous:
            address = self.bits(port.addr)
            column = "".join("01"[word >> place & 1] for word in reversed(memory.init))
            literal = logic.table(int(column, 2), address)
            logic.tables[literal >> 1] = len(address)
            return literal
        store = self._units.get(port.memory)
        if store is None:
            style = next((str(memory.attributes[key]) for key in ("ram_style", "rom_style")
                          if key in memory.attributes), "")
            enable = self.bit(port.en) if synchronous else 1
            store = Store(0, memory.depth, written, synchronous, style, [], [],
                          bool(synchronous and port.transparent_for), enable != 1)
            store.inputs += [*self.bits(port.addr), enable]
            if not written:
                store.words = memory.init
            self._units[port.memory] = store
            logic.stores.append(store)
            if written:
                self._read_stores.append(port.memory)
        assert isinstance(store, Store)
        store.width += 1
        self._read_nets.setdefault(port.memory, []).append((number << 16) | place)
        store.outputs.append(logic.leaf())
        return store.outputs[-1]

    def _write(self, number: int) -> None:
        store = self._units[number]
        assert isinstance(store, Store)
        places = sorted({net & 0xFFFF for net in self._read_nets[number]})
        for port in self._writes[number]:
            store.inputs += [*(self.bit(port.data[place]) for place in places),
                             *self.bits(port.addr), self.bit(port.en[0])]


def _known_of(name: str, inputs: Inputs) -> Bits:
    """What is known of a port's bits: those of the payload of ``i``, ``i_1``, ..."""
    stream, _, member = name.partition("__")
    place = 0 if stream == "i" else int(stream.removeprefix("i_")) if stream[0] == "i" else -1
    known = member == "payload" and 0 <= place < len(inputs)
    return inputs[place] if known else ()
