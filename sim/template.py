"""Templates of Verilog and makefiles, which come with the package."""

from __future__ import annotations

import string
from collections.abc import Mapping
from importlib import resources

__all__ = ["fill"]


class _Template(string.Template):
    delimiter = "@"  # the texts are full of dollar signs
    flags = 0  # type: ignore[assignment]  # case matters


def fill(name: str, values: Mapping[str, object]) -> str:
    """A template of ``harness/`` with its ``@names`` filled in; other words stay as they are."""
    text = (resources.files(__package__) / "harness" / name).read_text()
    return _Template(text).safe_substitute(values)
