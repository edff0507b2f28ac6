"""Logic as literals: what it computes, and covers of it with LUTs."""

from __future__ import annotations

import numpy as np
import pytest

from quantloom.gen.estimate.cover import cover, shared_sites
from quantloom.gen.estimate.logic import AND, LEAF, XOR, Logic, known_bits

PRICES = (0, 1, 1, 1, 1, 1, 1)


def values(logic, known):
    """Value of a literal as a function, given those of nodes."""
    def of(literal):
        node = literal >> 1
        if node not in known:
            a, b, c = (inputs[node] for inputs in (logic.first, logic.second, logic.third))
            known[node] = (of(a) & of(b) if logic.kind[node] == AND else
                           of(a) ^ of(b) if logic.kind[node] == XOR else
                           of(b) if of(a) else of(c))
        return known[node] ^ (literal & 1)
    known[0] = 0
    return of


def leaves(logic, count):
    return [logic.leaf() for _ in range(count)]


def assignments(literals):
    for number in range(1 << len(literals)):
        yield {literal >> 1: number >> k & 1 for k, literal in enumerate(literals)}


def test_operations():
    logic = Logic()
    a, b, c = bits = leaves(logic, 3)
    made = {
        "and": (logic.and_(a, b ^ 1), lambda x, y, z: x & 1 - y),
        "or": (logic.or_(a, b), lambda x, y, z: x | y),
        "xor": (logic.xor(a ^ 1, c), lambda x, y, z: 1 ^ x ^ z),
        "mux": (logic.mux(a ^ 1, b, c ^ 1), lambda x, y, z: 1 - z if x else y),
        "constant": (logic.mux(a, 0, b), lambda x, y, z: 0 if x else y),
        "parity": (logic.parity(bits), lambda x, y, z: x ^ y ^ z),
        "majority": (logic.majority(*bits), lambda x, y, z: int(x + y + z > 1)),
        "all": (logic.all(bits), lambda x, y, z: x & y & z),
        "any": (logic.any(bits), lambda x, y, z: x | y | z),
        "table": (logic.choose([0, 1, 1, 0, 1, None], bits), None),
    }
    for name, (literal, wanted) in made.items():
        for known in assignments(bits):
            x, y, z = (known[bit >> 1] for bit in bits)
            if wanted is None:
                word = (0, 1, 1, 0, 1)
                if x + 2 * y + 4 * z < len(word):
                    assert values(logic, dict(known))(literal) == word[x + 2 * y + 4 * z]
            else:
                assert values(logic, dict(known))(literal) == wanted(x, y, z), name


def test_table():
    seed = 3
    print(f"seed {seed}")
    logic = Logic()
    bits = leaves(logic, 7)
    words = [int(word) for word in np.random.default_rng(seed).integers(0, 2, 1 << len(bits))]
    literal = logic.table(sum(word << k for k, word in enumerate(words)), bits)
    for number, known in enumerate(assignments(bits)):
        assert values(logic, dict(known))(literal) == words[number]


def test_known_bits():
    """Constants, and bits that equal an earlier one or its complement."""
    a, b = leaves(Logic(), 2)
    assert known_bits([a, 0, b, a ^ 1, 1, b]) == (None, 0, None, 3, 1, 6)


def test_equal_logic_is_one_node():
    logic = Logic()
    a, b = leaves(logic, 2)
    assert logic.and_(a, b) == logic.and_(b, a)
    assert logic.xor(a, b ^ 1) == logic.xor(a ^ 1, b) == logic.xor(a, b) ^ 1
    assert logic.mux(a, b, b) == b and logic.mux(a, 1, 0) == a and logic.mux(a, b, b ^ 1) in (
        logic.xor(a, b), logic.xor(a, b) ^ 1)
    assert logic.and_(a, a ^ 1) == 0 and logic.or_(a, a ^ 1) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hurry", [0.0, 2.0])
def test_cover(seed, hurry):
    """LUTs of few inputs, each a function of them, as far as the roots need."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    logic = Logic()
    literals = leaves(logic, 8)
    for _ in range(60):
        a, b, c = (literals[int(k)] ^ int(flip) for k, flip in zip(
            rng.integers(0, len(literals), 3), rng.integers(0, 2, 3), strict=True))
        made = logic.and_(a, b), logic.xor(a, b), logic.mux(a, b, c)
        literals.append(made[int(rng.integers(3))])
    roots = [literal for literal in literals[-6:] if literal > 1]
    luts = cover(logic, roots, PRICES, hurry)
    needed = {root >> 1 for root in roots} | {leaf for lut in luts.values() for leaf in lut}
    assert {node for node in needed if logic.kind[node] != LEAF} == set(luts)
    for node, lut in luts.items():
        assert len(lut) < len(PRICES)
        for known in assignments([2 * leaf for leaf in sorted(lut)]):
            assert values(logic, dict(known))(2 * node) in (0, 1)  # nothing else is asked for


def test_full_adders_share_sites():
    """Sum and carry of the same three bits are a site."""
    logic = Logic()
    roots = []
    for _ in range(4):
        bits = leaves(logic, 3)
        roots += [logic.parity(bits), logic.majority(*bits)]
    luts = cover(logic, roots, PRICES)
    assert len(luts) == 8 and shared_sites(luts) == 4
