"""The one error that stages raise for what a user can mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..rtl_templates.resources import Resources

__all__ = ["QuantloomError", "TargetError", "UnsupportedError"]


class QuantloomError(Exception):
    """Bad input or usage: the message says what, where, and what to do."""


class TargetError(QuantloomError):
    """Speed and area that were asked for cannot both be had.

    Parameters
    ----------
    text : str
    needs, room : Resources or None
        What it would take and what there is, where that is known.
    """

    def __init__(self, text: str, needs: Resources | None = None, room: Resources | None = None):
        self.needs, self.room = needs, room
        super().__init__(text)


class UnsupportedError(QuantloomError):
    """A model contains something that a stage cannot handle.

    Parameters
    ----------
    node : str
        Name (and kind) of the node.
    problem : str
        What is unsupported.
    remedy : str
        What would make it work.
    """

    def __init__(self, node: str, problem: str, remedy: str):
        self.node, self.problem, self.remedy = node, problem, remedy
        super().__init__(f"{node}: {problem}. {remedy}")

    @classmethod
    def first(cls, problems: Sequence[UnsupportedError]) -> UnsupportedError:
        """The first of several, which says how many more there are."""
        one = problems[0]
        if len(problems) == 1:
            return one
        return cls(one.node, one.problem, f"{one.remedy}. ({len(problems) - 1} more: "
                   "`quantloom inspect` lists all)")
