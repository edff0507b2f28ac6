"""The one error that stages raise for what a user can mend."""

from __future__ import annotations

__all__ = ["QuantloomError", "TargetError", "UnsupportedError"]


class QuantloomError(Exception):
    """Bad input or usage: the message says what, where, and what to do."""


class TargetError(QuantloomError):
    """Speed and area that were asked for cannot both be had."""


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
