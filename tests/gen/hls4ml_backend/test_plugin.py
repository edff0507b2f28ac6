"""How hls4ml finds the backend: silently, quickly, and with its errors in sight."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from quantloom.gen.hls4ml_backend.plugin import NAME, register

SHOW = """
import sys
import hls4ml
own = sorted(m for m in sys.modules if m.split('.')[0] == 'quantloom')
print(hls4ml.backends.get_backend('Quantloom').name, *own)
print(*(m for m in ('onnx', 'amaranth', 'ortools', 'rich', 'tflite') if m in sys.modules))
"""

BROKEN = """
import sys
sys.modules['quantloom.gen.hls4ml_backend.backend'] = None
import hls4ml
print('quantloom' in hls4ml.backends.get_available_backends())
"""


def python(code):
    environment = {k: v for k, v in os.environ.items() if k != "HLS4ML_BACKEND_PLUGINS"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env=environment)


def test_import_is_silent_and_light():
    done = python(SHOW)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    first, second = done.stdout.split("\n")[:2]
    assert first.split() == ["Quantloom", "quantloom", "quantloom.gen",
                             "quantloom.gen.hls4ml_backend",
                             "quantloom.gen.hls4ml_backend.backend",
                             "quantloom.gen.hls4ml_backend.plugin",
                             "quantloom.gen.hls4ml_backend.writer"]
    assert second == ""


def test_an_error_inside_is_seen():
    """hls4ml prints a warning and goes on; it says what went wrong, and where is on stderr."""
    done = python(BROKEN)
    assert done.returncode == 0
    assert "Quantloom could not register: ModuleNotFoundError" in done.stdout
    assert "Traceback" in done.stderr and "plugin.py" in done.stderr
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("error", [TypeError("a wrong argument"), ValueError("taken")])
def test_no_error_hides_another(error, capsys):
    """hls4ml calls again with other arguments after a TypeError: there must be none."""
    def fail(*_):
        raise error

    with pytest.raises(RuntimeError, match=f"{NAME} could not register: {type(error).__name__}"):
        register(register_backend=fail, register_writer=lambda *_: None)
    assert str(error) in capsys.readouterr().err
