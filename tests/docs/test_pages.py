"""Every page's commands and programs do what the page says; see :mod:`.pages`."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess

import pytest

from quantloom.gen.cli import make_parser

from .pages import ROOT, blocks, commands, matches, run_page

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
RUN = ("sh", "python")
NEEDS = {"tutorial.md": ("torch", "brevitas", "onnxoptimizer", "onnxscript"),
         "hls4ml.md": ("keras", "jax"), "README.md": ("iverilog",), "boards.md": ("iverilog",)}
"""Packages and programs without which a page is not run."""


def runs(page):
    return any(block.kind in RUN for block in blocks(page))


@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)], ids=lambda page: page.name)
def test_runs(page, tmp_path, monkeypatch):
    for name in NEEDS.get(page.name, ()):
        if importlib.util.find_spec(name) is None and shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    run_page(page, tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_console_blocks_parse(page):
    """What needs a board, a cluster or much time: its options exist, its targets do."""
    parser = make_parser()
    for block in blocks(page):
        for line in commands(block.text) if block.kind == "console" else ():
            words = shlex.split(line, comments=True)
            if words[0] == "quantloom":
                try:
                    parser.parse_args(words[1:])
                except SystemExit:
                    pytest.fail(f"{block.place}: {line}")
            elif words[0] == "make" and "-C" not in words:
                done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True,
                                      text=True, check=False)
                assert done.returncode == 0, f"{block.place}: {line}: {done.stderr}"
            else:
                assert words[0] in ("pip", "make", "python", "git"), f"{block.place}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_for_boards(page):
    """They parse, and what they import is there."""
    for block in blocks(page):
        if block.kind == "py":
            tree = ast.parse(block.text)
            imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), block.place, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_fences(page):
    """Links within the project lead somewhere, and every fence says how it is run."""
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    for block in blocks(page):
        assert block.kind in (*RUN, "py", "console", "text", "json", "toml", ""), block.place
    assert text.count("```") % 2 == 0


@pytest.mark.parametrize("shown, output, missing", [
    ("a ... c\nlast", "first\na b  c\nlast\n", None),
    ("...\nlast", "first\nlast\n", None),
    ("last\nfirst", "first\nlast\n", "first"),
    ("a 12 c", "a 13 c\n", "a 12 c"),
    ("a", "ab\n", "a"),
])
def test_lines_that_are_shown(shown, output, missing):
    assert matches(shown, output) == missing


@pytest.mark.parametrize("page, problem", [
    ("```sh\nquantloom inspect none.onnx\n```\n", "page.md:1: .*exit code 2, not 0"),
    ("```sh exit=1\ntrue\n```\n", "exit code 0, not 1"),
    ("```sh\necho 5\n```\n\n```text\n6\n```\n", "page.md:5: this line does not come out: 6"),
    ("```python\nassert False\n```\n", "page.md:1: exit code 1"),
    ("```python pyproject.toml\nnot there\n```\n", "is not in pyproject.toml as it is"),
])
def test_pages_that_are_wrong(page, problem, tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text(page)
    (tmp_path / "run").mkdir()
    with pytest.raises(AssertionError, match=problem):
        run_page(tmp_path / "page.md", tmp_path / "run", monkeypatch)
