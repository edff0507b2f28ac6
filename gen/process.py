"""Programs that start others, and are ended with all of them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

__all__ = ["run_group"]


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
