"""Formal proofs of blocks: a quick one of each kind here, all of them by ``make formal``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

from quantloom import rtl_templates
from quantloom.gen.errors import QuantloomError
from quantloom.rtl_templates.block import BlockParams

from .cases import CASES
from .checker import Checker
from .contract import Allowance, allowances, sources
from .engine import check
from .proofs import BOUNDED, proofs

QUICK = {
    "fifo": "depth 1", "fork": "depths (1, 1)", "adapter": "1 to 2, depth 1",
    "deal": "2 x 1, depths None", "pad": "(1, 2, 1) with (0, 1, 0, 1), depth 1",
    "crop": "(1, 1, 1) of (2, 1, 2)", "clip": "depth 1",
}
"""One of some kinds that is proven within a second or two."""


def test_every_block_is_proven():
    kinds = set()
    for module in pkgutil.iter_modules(rtl_templates.__path__, rtl_templates.__name__ + "."):
        for _, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(thing, BlockParams) and "kind" in vars(thing):
                kinds.add(thing.kind)
    assert kinds == set(CASES)
    named = {(proof.kind, proof.name) for proof in proofs()}
    assert {(kind, name) for kind, name in QUICK.items()} | set(BOUNDED) <= named


@pytest.mark.parametrize("kind", QUICK)
def test_stream_rules(kind):
    (proof,) = (p for p in proofs() if (p.kind, p.name) == (kind, QUICK[kind]))
    result = proof.run()
    assert set(result.checks.values()) == {"proven"}, (result.checks, result.trace)


def test_range():
    (proof,) = (p for p in proofs() if (p.kind, p.name) == ("add", "depth 1: range"))
    assert proof.run().checks == {"range": "proven"}


def test_bounded_proof_says_its_depth():
    params = CASES["fifo"]["depth 1"]
    result = check(Checker(params), cycles=9, bounded=("conserves",))
    assert result.named("bounded") == ("conserves",) and result.depth == 10


def test_undecided_is_an_error():
    params = CASES["window"]["serial"]
    harness = Checker(params)
    with pytest.raises(QuantloomError, match=f"({'|'.join(harness.checks)}) undecided "
                       "within 1 s: allow more time, or"):
        check(harness, cycles=1000, bounded=harness.checks, seconds=1)


def test_allowances_of_an_adapter():
    params = CASES["adapter"]["1 to 3, depth None"]
    assert allowances(params) == {(0, 0): Allowance(0, (0, 0, 1, 0, 0, 1))}


def test_allowances_of_a_concatenation():
    """The first input's beats let the output go up to the second one's, and so on."""
    params = CASES["cat"]["(1, 2), depth None"]
    assert allowances(params) == {(0, 0): Allowance(0, (3, 3)), (1, 0): Allowance(1, (1, 2, 1, 2))}


@pytest.mark.parametrize("kind", list(CASES))
def test_allowances_cover_the_reference(kind):
    """No output beat may leave that changes with input that has not come."""
    rng = np.random.default_rng(1)
    for params in CASES[kind].values():
        print(f"seed 1: {params}")
        tables = allowances(params)
        values = [s.type.decode(np.arange(1 << s.type.bits)) for s in params.inputs]
        for _ in range(20):
            frame = [rng.choice(v, (s.beats, s.lanes))
                     for v, s in zip(values, params.inputs, strict=True)]
            port = int(rng.integers(len(frame)))
            beat = int(rng.integers(len(frame[port])))
            other = [x.copy() for x in frame]
            other[port][beat:] = rng.choice(values[port], other[port][beat:].shape)
            for out, (a, b) in enumerate(zip(params.reference(*frame), params.reference(*other),
                                             strict=True)):
                table = tables[port, out]
                allowed = table.initial + sum(table.gains[:beat])
                np.testing.assert_array_equal(a[:allowed], b[:allowed])


def test_sources():
    rows = sources(CASES["fork"]["parts"])
    assert rows is not None
    assert [[s.lane for s in row] for row in rows[0]] == [[0, 2], [0, 2]]
    (pad,) = (s for s in sources(CASES["pad"]["(1, 2, 1) with (0, 1, 0, 1), depth 1"])[0][0])
    assert (pad.port, pad.table) == (-1, (2,))
    assert sources(CASES["pool"]["max"]) is None
