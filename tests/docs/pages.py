"""The fenced blocks of a page, and how they are run.

A fence's first word says what is done with its block. Blocks of a page are run in order, in one
directory with the models of :mod:`.small`:

- ``sh``: shell commands; ``quantloom`` runs in this process. ``sh exit=1`` says that the last
  command of the block ends so; all others must end with 0.
- ``python``: a program of its own. ``python FILE`` is part of FILE, word for word, and is not run;
  ``python file=FILE`` is written to FILE, for later blocks.
- ``text``, ``json`` and others behind one that was run: lines of its output, in order. ``...``
  stands for whatever varies, and on a line of its own for any lines.
- ``py``: a program that needs a board; it must parse, and what it imports must be there.
- ``console``: needs a board, a cluster or much time; its commands must parse.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..command import quantloom
from .small import put_float_model, put_labels, put_models

__all__ = ["ROOT", "Block", "blocks", "commands", "matches", "run_page"]

ROOT = Path(__file__).parents[2]
SHOWN = ("text", "json")
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: the page and line it begins at, the words of its fence, its text."""

    place: str
    words: tuple[str, ...]
    text: str

    @property
    def kind(self) -> str:
        """First word of the fence."""
        return self.words[0] if self.words else ""

    def option(self, name: str) -> str | None:
        """Value of ``name=value`` in the fence."""
        return next((word.split("=", 1)[1] for word in self.words[1:]
                     if word.startswith(f"{name}=")), None)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text()
    return [Block(f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}",
                  tuple(found[1].split()), found[2]) for found in _FENCE.finditer(text)]


def commands(text: str) -> Iterator[str]:
    """The commands of a block, lines that go on joined, comments left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield line if not line.startswith("quantloom ") else shlex.join(words)


def matches(shown: str, output: str) -> str | None:
    """The first line shown that does not come out, after those before it; None if all do."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for line in shown.splitlines():
        wanted = " ".join(line.split())
        if wanted in ("", "..."):
            continue
        pattern = re.compile(".*".join(map(re.escape, re.split(r" ?\.\.\. ?", wanted))))
        if not any(pattern.fullmatch(got) for got in lines):
            return line
    return None


def run_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the blocks of a page in a folder; fails where one does not do what the page says."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("examples", "docs"):
        (folder / name).symlink_to(ROOT / name)
    put_models(folder)
    words = page.read_text().split()
    if "float.onnx" in words:
        put_float_model(folder)
    elif "test.npz" in words:
        put_labels(folder / "model.onnx", folder / "test.npz", 15)
    output: str | None = None
    for block in blocks(page):
        if block.kind == "sh":
            output = _shell(block)
        elif block.kind == "python":
            output = _python(block, folder)
        elif block.kind in SHOWN:
            if output is not None:
                missing = matches(block.text, output)
                assert missing is None, (
                    f"{block.place}: this line does not come out: {missing}\n{output}")
        else:
            output = None


def _shell(block: Block) -> str:
    lines = list(commands(block.text))
    output = ""
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        wanted = int(block.option("exit") or 0) if last else 0
        if line.startswith("quantloom "):
            done = quantloom(*shlex.split(line)[1:])
            code, said = done.code, done.out + done.err
        else:
            ran = subprocess.run(["bash", "-ec", line], capture_output=True, text=True,
                                 check=False)
            code, said = ran.returncode, ran.stdout + ran.stderr
        assert code == wanted, f"{block.place}: {line}: exit code {code}, not {wanted}\n{said}"
        output += said
    return output


def _python(block: Block, folder: Path) -> str | None:
    if (name := block.option("file")) is not None:
        (folder / name).write_text(block.text)
        return None
    if len(block.words) > 1:
        whole = (ROOT / block.words[1]).read_text()
        assert block.text in whole, f"{block.place}: is not in {block.words[1]} as it is"
        return None
    ran = subprocess.run([sys.executable, "-c", block.text], capture_output=True, text=True,
                         check=False)
    assert ran.returncode == 0, f"{block.place}: exit code {ran.returncode}\n{ran.stderr}"
    return ran.stdout + ran.stderr
