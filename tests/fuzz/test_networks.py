"""A few random networks, cases that failed once, and that a fault is found and shrunk."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from quantloom.gen.network import Conv2d
from quantloom.sim import golden
from quantloom.sim.simulate import ENGINES

from .case import Case, Failure, check, load, random_case, save
from .hunt import FOUND
from .networks import extreme_frames, wide_network
from .onnx_graph import evaluate
from .shrink import shrink


@pytest.mark.parametrize("seed", range(1000, 1002))
def test_networks(seed):
    print(f"seed {seed}")
    assert check(random_case(seed)) is None


def test_golden_model_against_onnxruntime():
    for seed in range(2000, 2150):
        network = wide_network(seed)
        x = extreme_frames(network, 2, seed)
        expected = golden.run(network, x, keep=True)
        for name, value in evaluate(network, x).items():
            assert np.array_equal(value, expected[name]), (seed, name)


@pytest.mark.parametrize("directory", sorted(p for p in FOUND.iterdir() if p.is_dir()),
                         ids=lambda path: path.name)
def test_found(directory):
    text = json.loads((directory / "design.json").read_text())["found"]["text"]
    engine = text.split(",")[0]
    failure = check(load(directory), (engine if engine in ENGINES else "verilator",))
    assert failure is None or failure.kind == "refused", failure


def test_a_fault_shrinks_to_one_small_operation(tmp_path):
    """A fault in convolutions with a bias, planted in the check."""
    seed = next(s for s in range(3000, 3100) if len(wide_network(s).ops) > 6 and any(
        isinstance(op, Conv2d) and op.bias is not None for op in wide_network(s).ops))
    print(f"seed {seed}")
    case = random_case(seed)

    def faulty(candidate: Case) -> Failure | None:
        found = [op for op in candidate.network.ops
                 if isinstance(op, Conv2d) and op.bias is not None]
        return Failure("mismatch", found[0].name) if found else None

    smallest, failure = shrink(case, Failure("mismatch", ""), faulty)
    (op,) = smallest.network.ops
    assert isinstance(op, Conv2d) and len(smallest.frames) == 1
    assert smallest.network.input.shape[:2] == (1, 1)
    save(smallest, failure, tmp_path)
    again = load(tmp_path)
    assert again.foldings == smallest.foldings and again.seed == seed
    assert np.array_equal(again.frames, smallest.frames)
    assert check(again) is None


def test_a_wrong_golden_tensor_is_a_failure(monkeypatch):
    case = random_case(1)
    honest = golden.run

    def wrong(network, x, *, keep=False):
        tensors = honest(network, x, keep=True)
        name = network.ops[0].name
        return {**tensors, name: np.roll(tensors[name], 1)}

    monkeypatch.setattr(golden, "run", wrong)
    failure = check(replace(case, frames=case.frames[:4]))
    assert failure is not None and failure.kind == "onnx"
