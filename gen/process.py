"""Processes: programs that are ended with all that they start, and how many run at once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

__all__ = ["processors", "run_group"]


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_group(command: Sequence[str], *, stdout: int | IO[Any], stderr: int | IO[Any],
              input: str | None = None, cwd: str | os.PathLike[str]) -> tuple[int, str]:
    """Run a program to its end; its status, and what it wrote if ``stdout`` is a pipe.

    Yosys and others start programs of their own. If this process is interrupted, all are ended.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    with subprocess.Popen(command, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
                          stdout=stdout, stderr=stderr, cwd=cwd, text=True,
                          start_new_session=True) as process:
        try:
            text = process.communicate(input)[0]
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, text or ""
