"""What the logic of a block occupies on a family of parts, before any calibration.

Registers, memories and DSPs follow the rules of the synthesis that makes netlists for the family
(Yosys 0.70, ``synth_xilinx`` and ``synth_ecp5``); logic is covered with LUTs here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Mapping_
from dataclasses import dataclass, field, replace
from math import log2

from ...rtl_templates.bit_heap import SIMD_LANES
from ...rtl_templates.block import BlockParams
from ...rtl_templates.dot_form import LUT_INPUTS
from .arithmetic import Rules
from .cover import SHARED_INPUTS, Cut, cover, shared_sites
from .logic import LEAF, MUX, Bits, Chain, Inputs, Logic, Product, Register, Store, known_bits
from .memories import Mapped, ecp5_memory, xc7_memory
from .reader import read

__all__ = ["FAMILIES", "Mapping", "map_block"]

_XC7_PRICES = (0, 2, 2, 3, 5, 5, 5)
"""What the mapper is told that a LUT of so many inputs costs: small ones share sites."""

_ECP5_PRICES = (0, 1, 1, 1, 1, 2, 4)
"""LUT4s in a LUT of so many inputs; PFUMX and L6MUX21 join them."""

_ECP5_HURRY = 2.0
"""LUT4s that a level less is worth: synthesis for the ECP5 takes wide LUTs to be fast."""

_ECP5_INPUTS = 4

_XC7_FACTORS, _ECP5_FACTORS = (18, 25), (18, 18)
"""Bits of a DSP's factors."""

_SHORTEST_SRL = 3
"""Registers in a row, with no reset and nothing read between, that become a shift register."""

_LONGEST_SRL = 32

_XC7_WIDE, _ECP5_WIDE = 2, 1
"""Levels of multiplexers of LUT6 that are no LUTs: MUXF7 and MUXF8; L6MUX21."""

_SHARED_MUX = 0.6
"""LUT sites of a bit's choice between two words of a memory made of registers."""

FAMILIES = ("xc7", "ecp5")

_XC7 = Rules(soft_bits=2, compare_bits=6, dsp_bits=9, simd=True)
_ECP5 = Rules(soft_bits=4, compare_bits=0, dsp_bits=0, simd=False)


@dataclass(frozen=True)
class Mapping:
    """What a block occupies, by what for.

    Parameters
    ----------
    logic : float
        LUT sites (7-series) or LUT4 (ECP5) of logic.
    wide : int
        LUTs with more inputs than can share a site (7-series), or than a LUT4 has.
    joining : int
        Multiplexers that join tables, MUXF7, MUXF8 or L6MUX21: synthesis makes some of LUTs.
    controlled : int
        Flip-flops with an enable and a reset (ECP5): synthesis makes some of these resets of LUTs.
    compare : float
        LUT4s of comparisons that are subtractions (ECP5).
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
    outputs : tuple of Bits
        What is known of the bits of each output's payload.
    stored : tuple of bool
        Of each output: whether its payload comes straight out of a memory that is in block RAM if
        only registers take it.
    registered : tuple of bool
        Of each input: whether only registers take its payload, all of them with one enable.
    crowd : float
        How much logic there is to choose partners in (7-series): ``logic`` by a tenth of its binary
        logarithm. The more there is, the fewer LUTs share a site with the best one.
    """

    logic: float
    wide: int
    joining: int
    controlled: int
    compare: float
    carry: float
    memory: float
    ff: float
    bram: int
    simd: dict[int, int] = field(default_factory=dict)
    multipliers: int = 0
    outputs: tuple[Bits, ...] = ()
    stored: tuple[bool, ...] = ()
    registered: tuple[bool, ...] = ()
    crowd: float = 0.0


def map_block(params: BlockParams, family: str, inputs: Inputs = (),
              late: tuple[int, ...] = ()) -> Mapping:
    """What a block occupies.

    Parameters
    ----------
    params : BlockParams
    family : str
    inputs : tuple of Bits
        What is known of the bits of each input's payload: synthesis flattens a design, so that
        what is constant in a block's output is in the next one too.
    late : tuple of int
        Outputs whose payloads only registers of the next block take.

    Raises
    ------
    ValueError
        If there is no such family.
    """
    if family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}")
    rules, occupied, memory = ((_XC7, _xc7, xc7_memory) if family == "xc7" else
                               (_ECP5, _ecp5, ecp5_memory))
    logic = read(params, rules, inputs)
    loads = _Loads(logic)
    taken, given = ([ports.get(f"{port}_{k}__payload" if k else f"{port}__payload", [])
                     for k in range(len(streams))]
                    for port, ports, streams in (("i", logic.inputs, params.inputs),
                                                 ("o", logic.outputs, params.outputs)))
    sources = [_source(logic, loads, bits) for bits in given]
    outside = [source for k in late if (source := sources[k]) is not None]
    logic.stores = [_merged(store) if any(store is other for other in outside)
                    or (_asynchronous(store) and _into_registers(logic, loads, store.outputs))
                    else store for store in logic.stores]
    return replace(
        occupied(logic, loads), outputs=tuple(known_bits(bits) for bits in given),
        stored=tuple(source is not None and memory(_merged(source)).bram > 0
                     for source in sources),
        registered=tuple(_into_registers(logic, loads, bits) for bits in taken))


def _asynchronous(store: Store) -> bool:
    return store.written and not store.synchronous


def _merged(store: Store) -> Store:
    """A memory with the registers that it is read into: synthesis takes them for its read port."""
    return replace(store, synchronous=True, merged=True)


def _source(logic: Logic, loads: _Loads, bits: Sequence[int]) -> Store | None:
    """The memory that all of an output's bits that vary come out of, if nothing else reads it."""
    varying = {bit for bit in bits if bit > 1}
    for store in filter(_asynchronous, logic.stores):
        read_bits = {bit for bit in store.outputs if loads.count[bit >> 1]}
        if read_bits == varying and all(loads.count[bit >> 1] == 1 for bit in varying):
            return store
    return None


def _into_registers(logic: Logic, loads: _Loads, bits: Sequence[int]) -> bool:
    """Whether only registers read some bits, each one of them, and all under one enable."""
    return bool(_behind(logic, loads, [bit for bit in bits if loads.count[bit >> 1]]))


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
            low = [bit for bit in now if bit not in chain.operands[mine]]
            if len(low) > chain.low or product.zeros:
                continue  # it adds to a part of the product, or to zeros below it too
            adders.append(chain)
            taken |= _before(logic, loads, other, 1)
            # Lowest bits to which nothing is added are beside the chain.
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


def _carried_in(logic: Logic, loads: _Loads) -> list[Chain]:
    """Adders of a single bit to a sum that nothing else reads: the sum's carry input."""
    found = []
    for chain in logic.chains:
        if chain.compares or chain.simd or chain.low:
            continue
        for one, other in (chain.operands, chain.operands[::-1]):
            before = next((c for c in logic.chains if one and one[0] in c.outputs), None)
            if (before is not None and not before.compares and not before.simd
                    and other[0] > 1 and not any(other[1:])
                    and all(loads.count[bit >> 1] <= one.count(bit) for bit in one if bit > 1)):
                found.append(chain)
                break
    return found


def _signals(logic: Logic) -> list[int]:
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
    """LUTs that only complement a signal. The 7-series has cells of its own for that."""
    return len({root for root in roots if root & 1 and root > 1 and logic.kind[root >> 1] == LEAF})


def _products(products: Iterable[Product], room: tuple[int, int], *, signed_only: bool) -> int:
    """DSPs; ``signed_only`` if an unsigned factor takes a bit more."""
    count = 0
    for product in products:
        widths = sorted(len(bits) + (signed_only and not product.signed)
                        for bits in product.factors)
        count += -(-widths[0] // room[0]) * -(-widths[1] // room[1])
    return count


def _xc7(logic: Logic, loads: _Loads) -> Mapping:
    taken, adders = _in_dsps(logic, loads)
    srl_sites, in_srl = _shift_registers(logic, loads, taken)
    roots = _signals(logic)
    merged = [*adders, *_carried_in(logic, loads)]
    simd: Counter[int] = Counter()
    sums: list[tuple[int, int]] = []  # select and data of each carry bit
    carry = 0
    for chain in logic.chains:
        bits = [own[: chain.used] for own in chain.operands]
        if chain.simd:
            width = chain.low + chain.used  # lowest bits are trimmed when DSPs are full
            simd[next(most for most in SIMD_LANES if width <= most)] += 1
        elif not any(chain is other for other in merged):
            carry += chain.used + chain.compares  # what a comparison finds leaves the chain
            sums += [(logic.and_(a, b ^ 1), b) if chain.compares else (logic.xor(a, b), a)
                     for a, b in zip(*bits, strict=True)]
            continue
        roots += [bit for own in bits for bit in own if bit > 1]
    ends = roots + [bit for pair in sums for bit in pair if bit > 1]
    luts = cover(logic, ends, _XC7_PRICES)
    left = _outside_carry(luts, sums, Counter(end >> 1 for end in ends))
    joining = _joining(logic, luts, _XC7_WIDE)
    for node in joining:
        left.pop(node, None)
    sites = len(left) - shared_sites(left)
    memories = [xc7_memory(store) for store in logic.stores]
    products = _products(logic.products, _XC7_FACTORS, signed_only=True)
    wide = sum(len(lut) > SHARED_INPUTS for lut in left.values())
    found = Mapping(sites, wide, len(joining), 0, 0, carry, srl_sites,
                    len(logic.registers) - len(taken) - in_srl, 0, dict(simd), products)
    found = _with_memories(found, logic.stores, memories, LUT_INPUTS)
    return replace(found, crowd=found.logic * log2(max(2.0, found.logic)) / 10)


def _joining(logic: Logic, luts: Mapping_[int, Cut], most: int) -> set[int]:
    """LUTs that are other multiplexers instead, up to so many levels: they join tables in LUT6."""
    levels: dict[int, int] = {}
    for node in sorted(luts):  # each behind its inputs
        if logic.tables.get(node, 0) >= LUT_INPUTS:
            levels[node] = 0
        elif logic.kind[node] == MUX:
            parts = {part >> 1 for part in (logic.second[node], logic.third[node])}
            if parts <= levels.keys() & luts[node]:
                level = 1 + max(levels[part] for part in parts)
                if level <= most:
                    levels[node] = level
    return {node for node, level in levels.items() if level}


def _outside_carry(luts: Mapping_[int, Cut], sums: Sequence[tuple[int, int]],
                   ends: Mapping_[int, int]) -> dict[int, Cut]:
    """The LUTs that no carry site takes in: those of a bit alone, and both only if narrow."""
    loads = Counter(leaf for lut in luts.values() for leaf in lut) + Counter(ends)
    left = dict(luts)
    for select, data in sums:
        s, d = select >> 1, data >> 1
        if s in luts and loads[s] == 1:
            left.pop(s, None)
            if d in luts and loads[d] == 1 and len(luts[s] | luts[d]) <= SHARED_INPUTS:
                left.pop(d, None)
    return left


def _ecp5(logic: Logic, loads: _Loads) -> Mapping:
    roots = _signals(logic)
    merged = _carried_in(logic, loads)
    carry = compare = 0
    for chain in logic.chains:
        bits = 2 * -(-chain.used // 2)
        if chain.compares:
            compare += bits + 1  # a LUT for what is found
        elif not any(chain is other for other in merged):
            carry += bits
        roots += [bit for own in chain.operands for bit in own[: chain.used] if bit > 1]
    luts = cover(logic, roots, _ECP5_PRICES, _ECP5_HURRY)
    joining = _joining(logic, luts, _ECP5_WIDE)
    sites = (sum(_ECP5_PRICES[len(lut)] for node, lut in luts.items() if node not in joining)
             + _inverters(logic, roots))
    memories = [ecp5_memory(store) for store in logic.stores]
    products = _products(logic.products, _ECP5_FACTORS, signed_only=False)
    wide = sum(len(lut) > _ECP5_INPUTS for lut in luts.values())
    controlled = sum(register.reset > 1 and register.enable != 1
                     for register in logic.registers.values())
    found = Mapping(sites, wide, len(joining), controlled, compare, carry, 0,
                    len(logic.registers), 0, {}, products)
    return _with_memories(found, logic.stores, memories, _ECP5_INPUTS)


def _with_memories(found: Mapping, stores: Sequence[Store], memories: Sequence[Mapped],
                   inputs: int) -> Mapping:
    """A mapping and its memories; ``inputs`` are those of a LUT, for what tables are made of."""
    ff, logic = found.ff, found.logic
    for store, memory in zip(stores, memories, strict=True):
        ff, logic = ff + memory.ff - store.merged * store.width, logic + memory.logic
        if memory.registers:  # an enable for each word, and a multiplexer of the words
            ff += store.width * store.depth
            logic += store.depth + store.width * (store.depth - 1) * _SHARED_MUX
        elif memory.table:
            logic += store.width << max(0, (store.depth - 1).bit_length() - inputs)
    return replace(found, logic=logic, ff=ff, bram=sum(memory.bram for memory in memories),
                   memory=found.memory + sum(memory.memory for memory in memories))
