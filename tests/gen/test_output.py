"""The output directory is written aside, then put in place."""

from __future__ import annotations

import json

import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.output import MANIFEST, REFRESHED, SCRATCH, changed_files, staged_output


def write(out, **texts):
    with staged_output(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_new(tmp_path):
    out = tmp_path / "deep" / "out"
    write(out, a="1", b="2")
    assert names(out) == ["a", "b", MANIFEST] and names(out.parent) == ["out"]
    assert set(json.loads((out / MANIFEST).read_text())["files"]) == {"a", "b"}
    assert changed_files(out) == []


def test_replaced(tmp_path):
    out = tmp_path / "out"
    write(out, a="1", b="2")
    (out / SCRATCH).mkdir()
    (out / SCRATCH / "program").write_text("built")
    write(out, a="3")
    assert names(out) == ["a", MANIFEST] and (out / "a").read_text() == "3"
    assert names(tmp_path) == ["out"]


def test_empty_directory_is_taken(tmp_path):
    write(tmp_path, a="1")
    assert names(tmp_path) == ["a", MANIFEST]


def test_error_leaves_everything_as_it_was(tmp_path):
    out = tmp_path / "out"
    write(out, a="1")
    with pytest.raises(ZeroDivisionError), staged_output(out) as folder:
        (folder / "a").write_text("half")
        raise ZeroDivisionError
    assert (out / "a").read_text() == "1" and names(tmp_path) == ["out"]
    with pytest.raises(ZeroDivisionError), staged_output(tmp_path / "new") as folder:
        raise ZeroDivisionError
    assert names(tmp_path) == ["out"]


def test_full_disk(tmp_path):
    with pytest.raises(QuantloomError, match=r"out: cannot be written: No space left"), \
            staged_output(tmp_path / "out"):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_failed_rename_restores_the_old(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, a="1")
    rename = type(out).rename

    def fails(self, target):
        if target == out and not self.name == "out":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(type(out), "rename", fails)
    with pytest.raises(QuantloomError, match="Input/output error"):
        write(out, a="2")
    monkeypatch.undo()
    assert (out / "a").read_text() == "1" and names(tmp_path) == ["out"]


def test_foreign_and_edited_files(tmp_path):
    out = tmp_path / "out"
    write(out, a="1", design="2")
    (out / "note").write_text("mine")
    with pytest.raises(QuantloomError, match="holds note, which Quantloom did not write"):
        write(out, a="2")
    (out / "note").unlink()
    (out / "design").write_text("edited")
    assert changed_files(out) == ["design"]
    with pytest.raises(QuantloomError, match="design was edited since"):
        write(out, a="2")
    with staged_output(out, out / "design") as folder:
        (folder / "a").write_text("3")
    assert names(out) == ["a", MANIFEST]


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}', "\0"])
def test_damaged_manifest_owns_nothing(tmp_path, content):
    out = tmp_path / "out"
    write(out, a="1")
    (out / MANIFEST).write_text(content)
    with pytest.raises(QuantloomError, match="holds a, which Quantloom did not write"):
        write(out, a="2")


@pytest.mark.parametrize("name", REFRESHED)
def test_refreshed_files_are_generated_whatever_they_hold(tmp_path, name):
    """Commands write them again after the directory was generated."""
    out = tmp_path / "out"
    with staged_output(out) as folder:
        (folder / "a").write_text("1")
        (folder / "report.json").write_text("first")
    assert set(json.loads((out / MANIFEST).read_text())["files"]) == {"a"}
    (out / name).write_text("later")
    assert changed_files(out) == []
    write(out, a="2")
    assert names(out) == ["a", MANIFEST]


def test_a_report_of_others_is_kept(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(QuantloomError, match=r"holds report\.html, which Quantloom did not write"):
        write(tmp_path, a="1")
    assert (tmp_path / "report.html").read_text() == "mine"


def test_link_to_a_directory(tmp_path):
    """A link is followed when it is read, and replaced by a directory only if that is empty."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "note").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(QuantloomError, match="note"):
        write(tmp_path / "link", a="1")
    assert names(tmp_path / "real") == ["note"]
