"""Running Yosys: its errors are told wherever they stand in its log."""

import sys

import pytest

from quantloom.gen import yosys
from quantloom.gen.yosys import YosysError, run_yosys


def test_an_error_is_told(tmp_path):
    (tmp_path / "broken.v").write_text("module broken;\n")
    with pytest.raises(YosysError, match=r"status 1:\nbroken\.v:\d+: ERROR: syntax error"):
        run_yosys(["read_verilog broken.v"], directory=tmp_path)


@pytest.mark.parametrize("line, told", [
    ("ERROR: Conflicting init values for signal x.", "ERROR: Conflicting init values"),
    ("killed", "module 29"),
])
def test_lines_behind_an_error(line, told, tmp_path, monkeypatch):
    """Its passes are of several threads, some of which write after another one has failed."""
    script = f"print({line!r}); [print('module', k) for k in range(30)]; raise SystemExit(1)"
    monkeypatch.setattr(yosys, "_command", lambda: [sys.executable, "-c", script])
    with pytest.raises(YosysError, match=told):
        run_yosys(["proc"], directory=tmp_path)
