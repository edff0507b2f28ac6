"""What workers of the tests do: in a module of its own, for other processes to find."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

__all__ = ["die", "die_once", "double", "fail"]


def double(log: str, value: int) -> int:
    """Twice a number; leaves a line for each computation."""
    with Path(log).open("a") as file:
        file.write(f"{value}\n")
    return 2 * value


def die_once(log: str, value: int) -> int:
    """The same, but the worker of the number 3 is killed before it can answer, once."""
    first = not Path(f"{log}.died").exists()
    result = double(log, value)
    if value == 3 and first:
        Path(f"{log}.died").write_text("")
        time.sleep(1.0)  # what the worker did before has been fetched by then
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def die(value: int) -> None:
    """Kills its worker, each time."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(value: int) -> int:
    """Fails for the number 1."""
    if value == 1:
        raise ValueError("one")
    return value
