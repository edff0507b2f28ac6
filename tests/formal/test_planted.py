"""Tests of the proofs: a bug planted in each block is found, by the check that it breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantloom.rtl_templates.types import IntType

from .cases import CASES
from .checker import Checker
from .engine import check, refute
from .mutants import MUTANTS
from .proofs import unrolled
from .twin import Twin


def test_every_block_has_a_bug():
    assert {mutant.case[0] for mutant in MUTANTS} | {"add"} == set(CASES)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_found(mutant):
    kind, name = mutant.case
    params = CASES[kind][name]
    with mutant.planted():
        assert refute(Checker(params), mutant.check, mutant.cycles)


@pytest.mark.parametrize("kind, name", [
    ("neuron", "pe 2, simd 1, depth 1"), ("add", "depth 1"), ("multiply", "signed"),
    ("pool", "sum, depth 1"), ("tile_pool", "sum of the map"),
])  # fmt: skip
def test_accumulator_a_bit_too_narrow(kind, name):
    params = CASES[kind][name]
    type_ = params.outputs[0].type
    narrow = replace(params, output_type=IntType(type_.bits - 1, type_.signed))
    assert refute(Twin(narrow), "range", unrolled(params))


def test_way_to_the_failure():
    """A beat is offered, the output is open, and in the next cycle there is a pad too many."""
    mutant = next(m for m in MUTANTS if m.what == "pads before their frame")
    params = CASES[mutant.case[0]][mutant.case[1]]
    with mutant.planted():
        result = check(Checker(params), cycles=20)
        assert result.trace == refute(Checker(params), "conserves", 20)
    assert "conserves" in result.named("failed")
    assert result.trace.startswith("cycle 0: ") and "offer_0=0" in result.trace
