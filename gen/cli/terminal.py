"""What the commands print, and their progress bars."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["console", "error", "print_json", "progress", "table"]

# Tables are not cut where there is no terminal to fit.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


def error(text: str) -> None:
    """Print an error as one clear paragraph."""
    _errors.print(f"[bold red]error:[/] {escape(text)}")


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(value, indent=1))


@contextmanager
def progress(text: str, *, left: bool = False) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error; yields ``update(done, total, text)``.

    Nothing is drawn where standard error is not a terminal. ``left`` adds the time that is left,
    as the last few steps took.
    """
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(),
                                     MofNCompleteColumn(), TimeElapsedColumn()]
    if left:
        columns += [TextColumn("left"), TimeRemainingColumn()]
    with Progress(*columns, console=_errors, transient=True, speed_estimate_period=600,
                  disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(text, total=None)

        def update(done: int | None = None, total: int | None = None,
                   text: str | None = None) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield update


def table(*columns: str) -> Table:
    """An empty table; columns whose name begins with '>' are right-aligned."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left")
    return made
