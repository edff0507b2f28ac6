"""Measure, print the table, and store it in results.json and RESULTS.md.

    python -m bench                   everything
    python -m bench --only wafer      the groups whose name has "wafer"
    python -m bench --list            names of the groups

A row that cannot be measured says why and stops no other. What is not measured again keeps its
stored result, with the date and versions of its own.
"""

from __future__ import annotations

import argparse
import re
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import estimates as _estimates
from . import explore as _explore
from . import rows as _rows
from .table import GROUPS, Row, markdown, read_rows, to_json, tools, write_rows

__all__ = ["main"]

_ = _rows, _estimates, _explore  # imported for the groups it registers

HERE = Path(__file__).parent


def measure(name: str, *, debug: bool) -> tuple[list[Row], bool]:
    """Rows of a group, and whether it came to its end."""
    rows: list[Row] = []
    try:
        for row in GROUPS[name]():
            rows.append(row)
    except KeyboardInterrupt:
        raise
    except Exception as problem:  # whatever a row does, the others are measured
        if debug:
            traceback.print_exc()
        text = " ".join(str(problem).split())[-300:]
        rows.append(Row(name=name, note=f"not measured: {type(problem).__name__}: {text}"))
        return rows, False
    return rows, True


def _show(console: Console, rows: list[Row]) -> None:
    lines = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        value = "-" if row.measured is None else f"{row.measured:,.4g}".replace("e+", "e")
        if row.measured is not None and abs(row.measured) >= 1000:
            value = f"{row.measured:,.0f}"
        colour = {True: "green", False: "red", None: "white"}[row.met]
        goal = "" if row.target is None else f"{'>=' if row.at_least else '<='} {row.target:,.6g}"
        peer = "" if row.peer is None else f"peer {row.peer:,.6g}"
        lines.add_row(row.name, f"[{colour}]{value}[/] {row.unit}", goal, peer)
    console.print(lines)
    for row in rows:
        if row.note:
            console.print(f"  [dim]{row.note}[/]", soft_wrap=True)


def main() -> int:
    """Run the command; 1 if a group could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PATTERN", default="",
                        help="groups whose name matches this regular expression")
    parser.add_argument("--list", action="store_true", help="print the groups and stop")
    parser.add_argument("--output", type=Path, default=HERE, metavar="DIR",
                        help="directory of results.json and RESULTS.md")
    parser.add_argument("--debug", action="store_true", help="print tracebacks")
    arguments = parser.parse_args()
    chosen = [name for name in GROUPS if re.search(arguments.only, name)]
    console = Console(highlight=False)
    if arguments.list or not chosen:
        for name, function in GROUPS.items():
            console.print(f"{name:20} {(function.__doc__ or '').strip()}")
        return 0 if arguments.list else 2
    arguments.output.mkdir(parents=True, exist_ok=True)
    stored = read_rows(arguments.output / "results.json")
    complete = True
    for k, name in enumerate(chosen, 1):
        console.print(f"[bold]{k}/{len(chosen)} {name}[/]")
        start = time.monotonic()
        rows, whole = measure(name, debug=arguments.debug)
        complete &= whole
        stored[name] = {
            "rows": [to_json(row) for row in rows],
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - start, 1), "tools": tools(),
        }
        _show(console, rows)
        # After each group: an interrupted run keeps what it has.
        write_rows(arguments.output / "results.json", stored)
        groups = {name: stored[name] for name in GROUPS if name in stored}
        (arguments.output / "RESULTS.md").write_text(markdown(groups))
    console.print(f"wrote {arguments.output / 'RESULTS.md'} and results.json")
    return 0 if complete else 1
