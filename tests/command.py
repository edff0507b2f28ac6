"""The command line, run in this process."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantloom.gen.cli import main

__all__ = ["Done", "quantloom"]


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that the command printed."""
        return json.loads(self.out)


def quantloom(*argv: str | Path | float) -> Done:
    """Run ``quantloom`` with arguments; an exception other than an exit would be a traceback."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            code = main([str(part) for part in argv])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
    return Done(code, out.getvalue(), err.getvalue())
