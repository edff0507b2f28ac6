"""The package as it is installed: its list of packages, its data, its public names."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import quantloom

ROOT = Path(__file__).parent.parent
FOLDERS = {"quantloom": "quantloom", "quantloom.boards": "boards", "quantloom.gen": "gen",
           "quantloom.rtl_templates": "rtl_templates", "quantloom.sim": "sim"}


def project():
    file = ROOT / "pyproject.toml"
    if not file.is_file():
        pytest.skip("the tests run against a wheel, without the tree")
    return tomllib.loads(file.read_text())


def test_packages_are_those_of_the_tree():
    """The list is written by hand; a package that is missing there is missing in the wheel."""
    settings = project()["tool"]["setuptools"]
    assert settings["package-dir"] == FOLDERS
    found = set()
    for name, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *parts)))
    assert found == set(settings["packages"])


def test_data_files_are_there():
    assets, harness = files("quantloom.gen") / "assets", files("quantloom.sim") / "harness"
    assert (assets / "digits.onnx").is_file() and (assets / "digits_test.npz").is_file()
    for name in ("harness.cpp", "icarus.v", "testbench.v", "testbench.mk", "verilator.h",
                 "cxxrtl.h"):
        assert (harness / name).is_file(), name
    assert (files("quantloom") / "py.typed").is_file()


def modules():
    for name in FOLDERS:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                yield found.name


def test_every_module_has_a_docstring_and_says_what_is_public():
    for name in sorted(set(modules())):
        module = importlib.import_module(name)
        assert module.__doc__, name
        if not hasattr(module, "__path__"):
            assert isinstance(module.__all__, list), name
        missing = [public for public in getattr(module, "__all__", ())
                   if not hasattr(module, public)]
        assert not missing, (name, missing)


def test_public_names():
    for name in quantloom.__all__:
        assert getattr(quantloom, name).__doc__
    assert re.fullmatch(r"\d+\.\d+\.\d+", version("quantloom"))


@pytest.mark.parametrize("command", [[sys.executable, "-m", "quantloom"], ["quantloom"]])
def test_command(command):
    if command == ["quantloom"]:
        command = [str(Path(sys.executable).parent / "quantloom")]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"quantloom {version('quantloom')}\n"
    done = subprocess.run([*command, "inspect", "none.onnx"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "none.onnx: no such file" in done.stderr


def test_loading_a_model_needs_no_simulator():
    script = ("import sys, quantloom; "
              "sys.exit(any(name.startswith('quantloom.sim') for name in sys.modules))")
    subprocess.run([sys.executable, "-c", script], check=True)


def test_from_python(tmp_path):
    """The lines of the README."""
    model = Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))
    network = quantloom.load(model)
    assert quantloom.check(model) == []
    design = quantloom.Design(network, quantloom.fold(network, 5_000))
    quantloom.generate(design, tmp_path / "out")
    assert (tmp_path / "out" / "design.json").is_file()
    with pytest.raises(quantloom.QuantloomError, match="no design there"):
        quantloom.simulate(tmp_path, [])
