"""``docs/commands.md`` is what the parsers say."""

from __future__ import annotations

import argparse

import pytest

from quantloom.gen.cli import make_parser
from quantloom.gen.cli.reference import reference

from .pages import ROOT


def test_up_to_date(monkeypatch):
    """However wide the terminal is."""
    monkeypatch.setenv("COLUMNS", "40")
    assert (ROOT / "docs" / "commands.md").read_text() == reference(make_parser()), (
        "run: python -m quantloom.gen.cli.reference docs/commands.md")


def test_every_option_is_there():
    page = reference(make_parser())
    assert "- `--check [N]`: compare the golden model" in page
    assert "- `--device NAME`: uioN;" in page and "quantloom run OUT --device NAME" in page
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize("option, wanted", [
    (dict(action="store_true", help="a flag"), "- `--x`: a flag"),
    (dict(choices=["a", "b"], help="one"), "- `--x {a,b}`: one"),
    (dict(default=7, help="more (default %(default)s)"), "- `--x X`: more (default 7)"),
    (dict(required=True, metavar="N", help="much"), "- `--x N`: much; required"),
])
def test_options(option, wanted):
    parser = argparse.ArgumentParser(prog="tool")
    parser.add_subparsers().add_parser("do", help="does").add_argument("--x", **option)
    assert wanted in reference(parser).splitlines()
