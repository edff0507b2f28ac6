"""All formal proofs of the blocks: ``make formal``.

    python -m tests.formal                       prove everything, print the table
    python -m tests.formal --only window         the kinds of block whose name has "window"
    python -m tests.formal --write docs/formal.md     bring the rows of what is run up to date

Exit code 1 if a check fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from quantloom.gen.cli.terminal import console, progress
from quantloom.gen.errors import QuantloomError

from .proofs import Proof, proofs

INTRODUCTION = """\
# Formal proofs of the blocks

`make formal` proves these properties of the RTLIL that Verilog is emitted from, for any input, any
gaps and any back-pressure; `python -m tests.formal --write docs/formal.md` writes this table.
Yosys makes an and-inverter graph of a block among checks (`tests/formal/checker.py`), ABC proves
it: by property directed reachability or with the set of all reachable states. Proofs begin with one
cycle of reset in a state that is left open, registers and memories alike: what is proven holds
after a reset at any moment, whatever an upset made of the block before.

| check | what is proven |
|---|---|
| holds | an offered beat stays, with its payload, until it is taken |
| conserves | no output beat before the input beats that it depends on; frames never get mixed |
| drains | when nothing moves any more, all that the input allows has left: nothing is lost |
| moves | with input offered and output taken, something moves: no dead-lock |
| capacity | no more is under way than the counters of the checks hold |
| inside | no queue overflows, no credit is spent that is not there |
| data | each output element is the function of its one input element that the reference says, in \
its frame and place; for blocks whose elements have one (windows: with all elements but the one \
followed of the same value) |
| range | results equal those of a twin with a wider output: no accumulator wraps |

Geometries are small, see `tests/formal/cases.py`: what is proven is the logic of control, in all
its forms, not one network's numbers. *Bounded* checks hold for that many cycles, two frames at
least.

| block | case | proven for all time | bounded | seconds |
|---|---|---|---|---:|
"""


def row(proof: Proof, checks: dict[str, str], depth: int, seconds: float) -> str:
    """A line of the table."""
    proven = ", ".join(name for name, status in checks.items() if status == "proven")
    bounded = ", ".join(name for name, status in checks.items() if status == "bounded")
    return (f"| {proof.kind} | {proof.name} | {proven} | "
            f"{f'{bounded}: {depth} cycles' if bounded else ''} | {seconds:.1f} |")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.formal", description=__doc__)
    parser.add_argument("--only", default="", help="kinds of block whose name has this")
    parser.add_argument("--write", type=Path, help="write the table to this file")
    options = parser.parse_args()
    chosen = [proof for proof in proofs() if options.only in proof.kind]
    rows, wrong, begin = [], 0, time.monotonic()
    with progress("proofs") as update:
        for k, proof in enumerate(chosen):
            update(k, len(chosen), f"{proof.kind}: {proof.name}")
            try:
                result = proof.run()
            except QuantloomError as error:
                console.print(f"{proof.kind}: {proof.name}: {error}")
                wrong += 1
                continue
            rows.append(row(proof, result.checks, result.depth, result.seconds))
            console.print(rows[-1])
            sys.stdout.flush()
            if failed := result.named("failed"):
                wrong += 1
                console.print(f"failed: {', '.join(failed)}\n{result.trace}")
    minutes = (time.monotonic() - begin) / 60
    console.print(f"{len(rows)} proofs in {minutes:.1f} minutes, {wrong} without success")
    if options.write and not wrong:
        options.write.parent.mkdir(exist_ok=True)
        options.write.write_text(document(rows, options.write))
    return int(wrong > 0)


def document(rows: list[str], path: Path) -> str:
    """The table with these rows, and those of other proofs that it has already."""
    known = {}
    for line in [*(path.read_text().splitlines() if path.exists() else []), *rows]:
        if line.startswith("| ") and line.count("|") == 6:
            known[tuple(line.split(" | ")[:2])] = line
    order = [known[key] for proof in proofs()
             if (key := (f"| {proof.kind}", proof.name)) in known]
    seconds = sum(float(line.split("|")[-2]) for line in order)
    return (INTRODUCTION + "\n".join(order) + f"\n\n{len(order)} proofs in {seconds / 60:.0f} "
            "minutes, on one of two cores that others used as well.\n")


if __name__ == "__main__":
    sys.exit(main())
