"""``quantloom budget``: size and speed of a design against a baseline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..report.budget import baseline_of, compare, read_baseline
from ..report.record import new_record, read_record
from .generate import open_generated
from .options import percentage
from .terminal import console, print_json, table

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "budget", help="fail if a design grew or slowed down against a baseline",
        description="Hold area, cycles a frame and latency of a design against those of a stored "
        "baseline. They are those of 'quantloom synth' and 'quantloom simulate' where these have "
        "run, else estimates. For CI: exit code 1 if any grew.")
    parser.add_argument("design", type=Path, metavar="OUT",
                        help="directory that 'quantloom generate' wrote")
    parser.add_argument("baseline", type=Path, metavar="BASELINE.json")
    parser.add_argument("--update", action="store_true",
                        help="write the baseline from the design instead")
    parser.add_argument("--slack", type=percentage, metavar="PERCENT", default=0.0,
                        help="growth that is allowed (default none)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; 1 if a number grew."""
    design, directory = open_generated(arguments.design)
    now = baseline_of(read_record(directory) or new_record(design), directory)
    if arguments.update:
        arguments.baseline.write_text(json.dumps(now, indent=1) + "\n")
        if arguments.json:
            print_json(now)
        else:
            console.print(f"wrote {arguments.baseline}", markup=False)
        return 0
    changes = compare(read_baseline(arguments.baseline), now)
    grown = [change.name for change in changes if change.grew(arguments.slack)]
    if arguments.json:
        print_json({"design": str(directory), "baseline": str(arguments.baseline),
                    "changes": [{**vars(change), "grew": change.name in grown}
                                for change in changes]})
        return 1 if grown else 0
    rows = table("number", ">baseline", ">now", ">change")
    for change in changes:
        moved = change.after - change.before
        share = f"{moved / change.before:+.1%}" if change.before and moved else (
            f"{moved:+g}" if moved else "")
        rows.add_row(change.name, f"{change.before:,g}", f"{change.after:,g}",
                     f"[bold red]{share}[/]" if change.name in grown else share)
    console.print(rows)
    console.print(f"[bold red]grew[/]: {', '.join(grown)}" if grown else
                  "[bold green]within budget[/]")
    return 1 if grown else 0
