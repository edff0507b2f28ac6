"""Calibrate the estimates of areas: synthesise blocks, fit, and store what was fitted.

    python -m bench.characterise                what was not measured before, then the fit
    python -m bench.characterise --networks 20  with blocks of more random networks
    python -m bench.characterise --test         how far off estimates are on the held-out designs

Blocks come from random networks over all operations, types and foldings, so a new operation is
part of this as soon as it is in them, from layers of common sizes, and from a sweep over the forms
of neurons. Each is synthesised for itself. For each kind of block, and for all of them together,
what LUTs of logic a netlist has is fitted on a few terms of the block's own mapping
(``quantloom.gen.estimate.mapping``) by non-negative least squares of relative errors, drawn
towards what all kinds have together, so that few blocks of a kind, or odd ones among them, do no
harm.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from scipy.optimize import nnls

from quantloom.gen.dataflow.graph import Dataflow
from quantloom.gen.dataflow.lower import lower
from quantloom.gen.emit import to_verilog
from quantloom.gen.estimate.mapping import Mapping as Mapped
from quantloom.gen.estimate.mapping import map_block
from quantloom.gen.estimate.resources import fitted_kind, terms
from quantloom.rtl_templates.resources import Resources
from quantloom.rtl_templates.types import BIPOLAR, IntType
from tests.e2e.random_networks import random_folding, random_network

from .area import yosys_version
from .clock_designs import FITTED
from .designs import SIGNED_4, UNSIGNED_4, neuron
from .estimates import summary, tested
from .measure import FAMILIES, measure

__all__ = ["ASSET", "fit", "fitted_blocks", "main"]

ASSET = Path(__file__).parents[1] / "gen" / "assets" / "areas.json"

NETWORKS = 15
"""Random networks whose blocks are fitted on, seeds from 0; those held out are from 200."""

_SMALLEST = 50
"""LUTs: errors count relative to a block's own, or to these if it has fewer."""

_DRAWN = 1.0
"""How many blocks of a kind weigh as much as what all kinds have together."""

_LAYERS = ("dense", "convolution 8 to 16, uint4 x bipolar")
"""What the names of layers begin with among the designs that clocks are fitted to; larger ones take
too long to synthesise."""

_LARGE, _ROUNDS = 0.05, 20
"""Relative error from which on one counts less than its square."""

_SIGNED_2 = IntType(2, signed=True)

# Type of operands and of weights, slots, what else.
_NEURONS: tuple[tuple[IntType, IntType, dict[str, Any]], ...] = (
    (UNSIGNED_4, BIPOLAR, {"slots": 8}), (UNSIGNED_4, BIPOLAR, {"slots": 8, "dsp_rows": 9}),
    (BIPOLAR, BIPOLAR, {"slots": 36}), (UNSIGNED_4, SIGNED_4, {"slots": 8, "multiplier": "lut"}),
    (UNSIGNED_4, SIGNED_4, {"slots": 8, "multiplier": "lut", "pe": 4, "simd": 8}),
    (UNSIGNED_4, BIPOLAR, {"slots": 2, "pe": 8, "simd": 9}),
    (UNSIGNED_4, BIPOLAR, {"slots": 32, "pe": 4, "simd": 16}),
    (BIPOLAR, BIPOLAR, {"slots": 4, "pe": 8, "simd": 36}),
    (IntType(2), _SIGNED_2, {"slots": 8, "pe": 4, "simd": 16}),
    (IntType(3), IntType(3, signed=True), {"slots": 16, "multiplier": "lut", "pe": 4, "simd": 8}),
    (BIPOLAR, BIPOLAR, {"slots": 80, "pe": 4, "simd": 64}),
    (BIPOLAR, BIPOLAR, {"slots": 112, "pe": 2, "simd": 32}),
    (IntType(2), _SIGNED_2, {"slots": 112, "pe": 2, "simd": 32}),
    *((operand, weight, {"slots": slots, "pe": 4, "simd": 8})
      for operand, weight in ((UNSIGNED_4, BIPOLAR), (BIPOLAR, BIPOLAR), (IntType(2), _SIGNED_2))
      for slots in (48, 64, 100)),
)


@dataclass(frozen=True)
class _Block:
    name: str
    kind: str
    verilog: str
    top: str
    mapped: Mapped


def fitted_blocks(networks: int, family: str) -> Iterator[_Block]:
    """The blocks that are fitted on."""
    for seed in range(networks):
        network = random_network(seed)
        yield from _blocks(f"network {seed}", lower(network, random_folding(network, seed)),
                           family)
    for subject in FITTED:
        if subject.name.startswith(_LAYERS):
            yield from _blocks(subject.name, subject.design.dataflow, family)
    for operand, weight, options in _NEURONS:
        if family == "xc7" or "pe" in options:  # those of 1,024 lanes for one family alone
            yield from _blocks(f"neuron {operand} x {weight}, {options}",
                               neuron(operand, weight, memory="lut", **options), family,
                               "mac_neuron")


def _blocks(name: str, flow: Dataflow, family: str, only: str | None = None) -> Iterator[_Block]:
    verilog = to_verilog(flow)
    for block in flow.blocks.values():
        if only in (None, block.name):
            yield _Block(f"{name}: {block.name}", fitted_kind(block.params), verilog, block.name,
                         map_block(block.params, family))


def fit(blocks: Sequence[_Block], found: Mapping[str, Resources]) -> dict[str, Any]:
    """Factors by kind of block, and what is left over on these blocks."""
    names = list(terms(blocks[0].mapped))
    rows = np.array([list(terms(block.mapped).values()) for block in blocks])
    # What carry chains and memories take is structure, so that their error is logic's to make up.
    wanted = np.array([found[block.name].lut - block.mapped.carry - block.mapped.memory
                       for block in blocks])
    size = np.maximum(_SMALLEST, [found[block.name].lut for block in blocks])
    kinds = np.array([block.kind for block in blocks])

    relative, target = rows / size[:, None], wanted / size
    factors = {"*": _robust(relative, target, np.zeros((0, len(names))), np.zeros(0))}
    towards = np.diag(np.sqrt((relative**2).mean(axis=0)) + 0.01) * _DRAWN
    for kind in sorted(set(kinds)):
        own = kinds == kind
        factors[kind] = _robust(relative[own], target[own], towards, towards @ factors["*"])
    guess = np.array([factors[block.kind] @ row for block, row in zip(blocks, rows, strict=True)])
    errors = np.abs(guess - wanted) / size
    return {
        "factors": {kind: {name: round(float(value), 4)
                           for name, value in zip(names, own, strict=True)}
                    for kind, own in factors.items()},
        "blocks": {kind: {"count": int((kinds == kind).sum()),
                          "median_error": round(float(np.median(errors[kinds == kind])), 4),
                          "worst_error": round(float(errors[kinds == kind].max()), 4)}
                   for kind in sorted(set(kinds))},
    }


def _robust(rows: np.ndarray, wanted: np.ndarray, more: np.ndarray,
            more_wanted: np.ndarray) -> np.ndarray:
    """Non-negative least squares in which large errors count in proportion (Huber's weights)."""
    weights = np.ones(len(wanted))
    for _ in range(_ROUNDS):
        found, _ = nnls(np.vstack([rows * weights[:, None], more]),
                        np.concatenate([wanted * weights, more_wanted]))
        errors = np.abs(rows @ found - wanted)
        weights = np.sqrt(_LARGE / np.maximum(errors, _LARGE))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.characterise", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=NETWORKS, metavar="N",
                        help=f"random networks (default {NETWORKS}, at most 200)")
    parser.add_argument("--test", action="store_true",
                        help="fit nothing: test, and store how far off estimates are")
    parser.add_argument("--known", action="store_true",
                        help="with --test: only the designs that were measured before")
    arguments = parser.parse_args()
    console = Console()
    stored: dict[str, Any]
    if arguments.test:
        stored = json.loads(ASSET.read_text())
        for family in FAMILIES:
            results = tested(family, known=arguments.known)
            for result in results:
                console.print(f"{family} {result.name}: {result.said} {result.found}")
            stored[family]["tested"] = summary(results)
            console.print(family, stored[family]["tested"])
        ASSET.write_text(json.dumps(stored, indent=1) + "\n")
        return
    stored = {"yosys": yosys_version(), "date": datetime.now(UTC).date().isoformat()}
    for family in FAMILIES:
        blocks = list(fitted_blocks(min(arguments.networks, 200), family))
        found = measure({block.name: (block.verilog, block.top) for block in blocks}, family)
        stored[family] = fit(blocks, found)
        for kind, row in stored[family]["blocks"].items():
            console.print(f"{family} {kind}: {row['count']} blocks, median error "
                          f"{row['median_error']:.1%}, worst {row['worst_error']:.1%}")
    ASSET.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
