"""The reference of all commands, from their parsers.

``python -m quantloom.gen.cli.reference docs/commands.md`` writes the page again.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

__all__ = ["reference"]

WIDTH = 100
"""Columns of the page, whatever the terminal has."""

_INTRODUCTION = """\
Written from the parsers of the command line; do not edit. `quantloom COMMAND --help` prints the
same. Exit codes: 0 all is well, 1 a mismatch or a missed target, 2 bad input or usage.
"""


def reference(parser: argparse.ArgumentParser) -> str:
    """The page, as Markdown.

    Parameters
    ----------
    parser : ArgumentParser
        With its commands as subparsers.
    """
    subparsers = next(action for action in parser._actions
                      if isinstance(action, argparse._SubParsersAction))
    short = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}
    index = [_item(f"[`{parser.prog} {name}`](#{parser.prog}-{name})", text)
             for name, text in short.items()]
    parts = ["# Commands", _INTRODUCTION.rstrip(), "\n".join(index),
             "Options in front of the command:", "\n".join(_items(parser, parser._actions))]
    for name, command in subparsers.choices.items():
        parts += [f"## {parser.prog} {name}", *_command(command)]
    return "\n\n".join(parts) + "\n"


def _command(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield _filled(parser.description or "")
    yield f"```\n{_usage(parser)}\n```"
    own = (parser._positionals, parser._optionals)  # what comes by place, options of no group
    yield "\n".join(item for group in own for item in _items(parser, group._group_actions))
    for group in parser._action_groups:
        if group not in own:
            title = (group.title or "").capitalize()
            yield _filled(f"**{title}.** {group.description or ''}")
            yield "\n".join(_items(parser, group._group_actions))


def _items(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog, width=WIDTH)
    for action in actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        text = formatter._expand_help(action) if action.help else ""
        if action.option_strings:
            if action.required:
                text += "; required"
            value = _value(action)
            name = ", ".join(f"`{option}{value}`" for option in action.option_strings)
        else:
            name = f"`{action.metavar or action.dest}`"
        yield _item(name, text)


def _value(action: argparse.Action) -> str:
    """What stands behind an option."""
    if action.nargs == 0:
        return ""
    choices = "{" + ",".join(map(str, action.choices or ())) + "}"
    value = action.metavar or (choices if action.choices else action.dest.upper())
    return f" [{value}]" if action.nargs == "?" else f" {value}"


def _usage(parser: argparse.ArgumentParser) -> str:
    times = {"+": "{} ...", "*": "[{} ...]", "?": "[{}]"}
    positional = [times.get(str(action.nargs), "{}").format(action.metavar or action.dest)
                  for action in parser._positionals._group_actions]
    required = [f"{action.option_strings[0]}{_value(action)}" for action in parser._actions
                if action.option_strings and action.required]
    return " ".join([parser.prog, *positional, *required, "[OPTIONS]"])


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _item(name: str, text: str) -> str:
    return textwrap.fill(f"- {name}: {text}" if text else f"- {name}", WIDTH,
                         subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    from . import make_parser

    Path(sys.argv[1]).write_text(reference(make_parser()))
