"""What the logic of a block occupies on a family of parts, before any calibration.

Registers, memories and DSPs follow the rules of the synthesis that makes netlists for the family
(Yosys 0.70, ``synth_xilinx`` and ``synth_ecp5``); logic is covered with LUTs here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ...rtl_templates.block import BlockParams
from ...rtl_templates.dot_form import LUT_INPUTS
from .cover import SHARED_INPUTS, cover, shared_sites
from .logic import LEAF, Chain, Logic, Product, Register, Rules, read
from .memories import Mapped, ecp5_memory, xc7_memory

__all__ = ["FAMILIES", "Mapping", "map_block"]

_XC7_PRICES = (0, 2, 2, 3, 5, 5, 5)
"""What the mapper is told that a LUT of so many inputs costs: small ones share sites."""

_ECP5_PRICES = (0, 1, 1, 1, 1, 2, 4)
"""LUT4s in a LUT of so many inputs; PFUMX and L6MUX21 join them."""

_SHORTEST_SRL = 3
"""Registers in a row, with no reset and nothing read between, that become a shift register."""

_LONGEST_SRL = 32

_SHARED_MUX = 0.6
"""LUT sites of a bit's choice between two words of a memory made of registers."""

FAMILIES = ("xc7", "ecp5")

_XC7 = Rules(soft_bits=2, compare_bits=6, dsp_bits=9, any_reset=True, simd=True)
_ECP5 = Rules(soft_bits=4, compare_bits=0, dsp_bits=0, any_reset=False, simd=False)


@dataclass(frozen=True)
class Mapping:
    """What a block occupies, by what for.

    Parameters
    ----------
    logic : float
        LUT sites (7-series) or LUT4 (ECP5) of logic, those that only feed a carry chain included.
    carry : float
        The same of carry chains.
    memory : float
        The same of memories and shift registers.
    ff : float
        Flip-flops.
    bram : int
        RAMB18E1, or DP16KD.
    simd : tuple of int
        Adders that share DSPs, by their width.
    multipliers : int
        DSPs of products.
    """

    logic: float
    carry: float
    memory: float
    ff: float
    bram: int
    simd: dict[int, int] = field(default_factory=dict)
    multipliers: int = 0


def map_block(params: BlockParams, family: str) -> Mapping:
    """What a block occupies.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}")
    if family == "xc7":
        return _xc7(read(params, _XC7))
    return _ecp5(read(params, _ECP5))


class _Loads:
    """How often each node is read, by registers, units and the logic that is needed."""

    def __init__(self, logic: Logic):
        self.logic = logic
        self.count: Counter[int] = Counter(root >> 1 for root in logic.roots)
        self.data: dict[int, list[Register]] = {}
        for register in logic.registers.values():
            self.count.update((register.data >> 1, register.enable >> 1, register.reset >> 1))
            self.data.setdefault(register.data, []).append(register)
        self.units: dict[int, set[int]] = {}
        self.in_units: Counter[int] = Counter()
        for unit, bits in _unit_inputs(logic):
            for bit in bits:
                self.count[bit >> 1] += 1
                self.in_units[bit >> 1] += 1
                self.units.setdefault(bit >> 1, set()).add(unit)
        seen: set[int] = set()
        todo = list(self.count)
        while todo:
            node = todo.pop()
            if node in seen or logic.kind[node] == LEAF:
                continue
            seen.add(node)
            for literal in (logic.first[node], logic.second[node], logic.third[node]):
                if literal > 1:
                    self.count[literal >> 1] += 1
                    todo.append(literal >> 1)


    def elsewhere(self, node: int) -> bool:
        """Whether a register that drives some of a DSP's bits is read by anything else."""
        units = self.units.get(node, set())
        return len(units) > 1 or self.count[node] > self.in_units[node]


def _unit_inputs(logic: Logic) -> Iterator[tuple[int, Sequence[int]]]:
    """Literals at the inputs of each chain, product and memory, and a number for it."""
    for chain in logic.chains:
        for bits in chain.operands:
            yield id(chain), bits[: chain.used]
    for product in logic.products:
        for bits in product.factors:
            yield id(product), bits
    for store in logic.stores:
        yield id(store), store.inputs


def _shift_registers(logic: Logic, loads: _Loads, taken: set[int]) -> tuple[int, int]:
    """Sites of the shift registers, and the flip-flops that they stand for.

    In order: a register that nothing else reads than the next one's data.
    """
    registers = logic.registers

    def plain(node: int) -> bool:
        register = registers.get(node)
        return register is not None and register.reset == 0 and node not in taken

    follower: dict[int, int] = {}
    for node, register in registers.items():
        before = register.data >> 1
        if (plain(node) and register.data & 1 == 0 and plain(before) and loads.count[before] == 1
                and registers[before].enable == register.enable):
            follower[before] = node
    heads = set(follower) - set(follower.values())
    sites = absorbed = 0
    for head in heads:
        length, node = 1, head
        while node in follower:
            node, length = follower[node], length + 1
        if length >= _SHORTEST_SRL:
            absorbed += length
            sites += -(-length // _LONGEST_SRL)
    return sites, absorbed


def _in_dsps(logic: Logic, loads: _Loads) -> tuple[set[int], list[Chain]]:
    """Flip-flops and adders that DSP48E1 take in with products.

    Up to two registers before each factor; behind the product a register, an adder of something
    that varies, and another register, each if nothing else reads what is before it.
    """
    taken: set[int] = set()
    adders: list[Chain] = []
    for product in logic.products:
        for factor in product.factors:
            taken |= _before(logic, loads, factor, 2)
        now = [bit for bit in product.outputs if loads.count[bit >> 1]]
        after = _behind(logic, loads, now)
        now = [2 * register.node for register in after] or now
        taken |= {register.node for register in after}
        for chain in logic.chains:
            if chain.compares or chain.simd or not now:
                continue
            mine = next((k for k in (0, 1) if any(chain.operands[k]) and
                         {bit for bit in chain.operands[k] if bit} <= set(now)), None)
            if mine is None or any(loads.count[bit >> 1] > chain.operands[mine].count(bit)
                                   for bit in chain.operands[mine] if bit):
                continue
            other = chain.operands[1 - mine]
            if all(bit < 2 for bit in other):
                continue
            adders.append(chain)
            taken |= _before(logic, loads, other, 1)
            # Lowest bits to which nothing is added are beside the chain.
            low = [bit for bit in now if bit not in chain.operands[mine]]
            now = low + [bit for bit in chain.outputs if loads.count[bit >> 1]]
            break
        taken |= {register.node for register in _behind(logic, loads, now)}
    return taken, adders


def _before(logic: Logic, loads: _Loads, bits: Sequence[int], most: int) -> set[int]:
    """Registers that drive all of some bits, and those before them."""
    taken: set[int] = set()
    for _ in range(most):
        bits = [bit for bit in dict.fromkeys(bits) if bit > 1]
        registers = [logic.registers[bit >> 1] for bit in bits if bit >> 1 in logic.registers]
        if not bits or len(registers) < len(bits) or any(bit & 1 for bit in bits):
            break
        if len({(register.enable, register.reset) for register in registers}) > 1:
            break
        own = {register.node for register in registers}
        if any(loads.elsewhere(node) for node in own):
            break  # they are in the DSP and outside
        taken |= own
        bits = [register.data for register in registers]
    return taken


def _behind(logic: Logic, loads: _Loads, bits: Sequence[int]) -> list[Register]:
    """Registers that take all of some bits, which nothing else reads."""
    if not bits or any(loads.count[bit >> 1] != 1 or bit not in loads.data for bit in bits):
        return []
    after = [loads.data[bit][0] for bit in bits]
    if len({(register.enable, register.reset) for register in after}) > 1:
        return []
    return after


def _signals(logic: Logic, loads: _Loads) -> list[int]:
    """Literals that must be there as signals, but for those of carry chains."""
    roots = list(logic.roots)
    for register in logic.registers.values():
        roots += (register.data, register.enable, register.reset)
    for product in logic.products:
        for factor in product.factors:
            roots += factor
    for store in logic.stores:
        roots += store.inputs
    return [root for root in roots if root > 1]


def _inverters(logic: Logic, roots: Sequence[int]) -> int:
    """LUTs that only complement a signal."""
    return len({root for root in roots if root & 1 and root > 1 and logic.kind[root >> 1] == LEAF})


def _products(products: Iterable[Product], a_bits: int, b_bits: int, signed_only: bool) -> int:
    count = 0
    for product in products:
        widths = sorted(len(bits) + (signed_only and not product.signed)
                        for bits in product.factors)
        count += -(-widths[0] // min(a_bits, b_bits)) * -(-widths[1] // max(a_bits, b_bits))
    return count


def _xc7(logic: Logic) -> Mapping:
    loads = _Loads(logic)
    taken, adders = _in_dsps(logic, loads)
    srl_sites, in_srl = _shift_registers(logic, loads, taken)
    roots = _signals(logic, loads)
    simd: Counter[int] = Counter()
    sums: list[tuple[int, int]] = []  # select and data of each carry bit
    carry = 0
    for chain in logic.chains:
        if chain.simd and not chain.compares:
            simd[12 if chain.used <= 12 else 24] += 1
            roots += [bit for bits in chain.operands for bit in bits[: chain.used] if bit > 1]
            continue
        if any(chain is adder for adder in adders):
            roots += [bit for bits in chain.operands for bit in bits[: chain.used] if bit > 1]
            continue
        carry += chain.used + chain.compares
        for a, b in zip(*(bits[: chain.used] for bits in chain.operands), strict=True):
            if chain.compares:  # equal, greater
                sums.append((logic.and_(a, b ^ 1), b))
            else:
                sums.append((logic.xor(a, b), a))
    selects = [s for s, _ in sums if s > 1]
    datas = [d for _, d in sums if d > 1]
    everything = roots + selects + datas
    luts = cover(logic, everything, _XC7_PRICES)
    inside: Counter[int] = Counter(leaf for lut in luts.values() for leaf in lut)
    outside: Counter[int] = Counter(root >> 1 for root in everything)
    absorbed: set[int] = set()
    for select, data in sums:
        s, d = select >> 1, data >> 1
        if s in luts and inside[s] + outside[s] == 1:
            absorbed.add(s)
            if (d in luts and inside[d] + outside[d] == 1
                    and len(luts[s] | luts[d]) <= SHARED_INPUTS):
                absorbed.add(d)
    left = {node: lut for node, lut in luts.items() if node not in absorbed}
    memories = [xc7_memory(store) for store in logic.stores]
    sites = len(left) - shared_sites(left) + _inverters(logic, roots)
    return _mapping(logic, sites, carry, srl_sites, len(taken) + in_srl, memories, dict(simd),
                    _products(logic.products, 25, 18, signed_only=True), LUT_INPUTS)


def _ecp5(logic: Logic) -> Mapping:
    loads = _Loads(logic)
    roots = _signals(logic, loads)
    carry = 0
    for chain in logic.chains:
        carry += 2 * -(-chain.used // 2)
        roots += [bit for bits in chain.operands for bit in bits[: chain.used] if bit > 1]
        if chain.compares:
            carry += 1
    import os
    luts = cover(logic, roots, _ECP5_PRICES, float(os.environ.get('HURRY','0')))
    sites = sum(_ECP5_PRICES[len(lut)] for lut in luts.values()) + _inverters(logic, roots)
    memories = [ecp5_memory(store) for store in logic.stores]
    return _mapping(logic, sites, carry, 0, 0, memories, {},
                    _products(logic.products, 18, 18, signed_only=False), 4)


def _mapping(logic: Logic, sites: float, carry: float, srl: int, absorbed: int,
             memories: Sequence[Mapped], simd: dict[int, int], multipliers: int,
             inputs: int) -> Mapping:
    """Everything together; ``inputs`` are those of a LUT, for what is read from tables."""
    ff = len(logic.registers) - absorbed
    for store, found in zip(logic.stores, memories, strict=True):
        ff += found.ff
        if found.registers:  # a word's enable each, and a multiplexer of the words
            ff += store.width * store.depth
            sites += store.depth + store.width * (store.depth - 1) * _SHARED_MUX
        elif found.table:
            sites += store.width * max(1, 1 << (store.depth - 1).bit_length() - inputs)
    return Mapping(logic=sites, carry=carry, memory=srl + sum(m.memory for m in memories), ff=ff,
                   bram=sum(m.bram for m in memories), simd=simd, multipliers=multipliers)
