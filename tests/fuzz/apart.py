"""The command in a process of its own, with little memory and time."""

from __future__ import annotations

import os
import re
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from quantloom.gen.cli import main

__all__ = ["MEMORY", "SECONDS", "Ended", "run_apart"]

MEMORY = 2 << 30
"""Bytes of address space of a case."""

SECONDS = 10
"""Of processor time; a case that takes longer hangs."""

_GUARD = 90
"""Seconds until a case that uses no processor time is ended, on a machine that is busy."""

_ESCAPED = 70


@dataclass(frozen=True)
class Ended:
    """How a case ended.

    Parameters
    ----------
    code : int
        Exit code; minus the signal that ended it.
    text : str
        What it printed.
    peak : int
        Resident bytes.
    """

    code: int
    text: str
    peak: int

    @property
    def problem(self) -> str | None:
        """What should not have been, None if all is well: success, or one paragraph and code 2."""
        if self.code in (-signal.SIGXCPU, -signal.SIGKILL):
            return f"hang: ended after {SECONDS} s of processor time"
        if self.code < 0:
            return f"crash: ended by {signal.Signals(-self.code).name}"
        if "Traceback" in self.text:
            lines = self.text.strip().splitlines()
            places = re.findall(r'File "[^"]*?((?:gen|sim|boards|rtl_templates)/[^"]*)", '
                                r"line (\d+)", self.text)
            return f"traceback: {lines[-1][:150]} at {':'.join(places[-1]) if places else '?'}"
        if "there is not enough memory" in self.text:
            return f"memory: more than {MEMORY >> 20} MB"
        if "Warning" in self.text:
            return "warning: " + next(x for x in self.text.splitlines() if "Warning" in x)[-150:]
        if self.code not in (0, 1, 2):
            return f"exit code {self.code}"
        errors = [line for line in self.text.splitlines() if line.startswith("error: ")]
        if self.code == 2 and not errors and " unsupported\n" not in self.text:
            return "exit code 2 without a message"
        return None


def run_apart(argv: Sequence[str]) -> Ended:
    """Run ``quantloom`` with arguments in a forked process; it must be the main thread's."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _child(argv, output.fileno())
        handle = os.pidfd_open(pid)
        try:
            if not select.select([handle], [], [], _GUARD)[0]:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.close(handle)
        _, status, usage = os.wait4(pid, 0)
        output.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), output.read().decode(errors="replace"),
                     usage.ru_maxrss * 1024)


def _child(argv: Sequence[str], output: int) -> None:
    code = _ESCAPED
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 2
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
