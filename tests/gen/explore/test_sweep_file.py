"""What a sweep is made of, and the points that come out."""

from __future__ import annotations

import shlex
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from quantloom.boards.parts import PARTS
from quantloom.gen.dataflow.fold import UTILISATION
from quantloom.gen.errors import QuantloomError
from quantloom.gen.explore.model import open_model
from quantloom.gen.explore.points import points_of, solves_of
from quantloom.gen.explore.sweep_file import make_sweep
from quantloom.gen.shell import shell_sites


def sweep(text, folder="."):
    return make_sweep(tomllib.loads(text), where="here", folder=Path(folder))


@pytest.fixture
def model(designs):
    return open_model(designs["tiny0"])


def test_all_with_all(model):
    found = sweep("[sweep]\npart = ['xc7z010', 'XC7Z020']\nclock = [50, 100, 100.0]\n"
                  "cycles = [200, 400]\nmax = true\nutilisation = ['50%', 90]")
    points = points_of(found, [model])
    assert len(points) == 2 * 2 * 2 * 3  # parts, clocks, shares, targets
    assert len(solves_of(points)) == 2 * 2 * 3
    assert {p.place.utilisation for p in points} == {0.5, 0.9}


def test_without_a_target_it_is_the_fastest(model):
    (point,) = points_of(sweep("[sweep]\npart = 'lfe5u-25f'"), [model])
    assert point.cycles is None and point.clock == 100 and str(point.target) == "max"
    words = shlex.split(point.command)
    assert words[words.index("--part") + 1] == "lfe5u-25f" and "--max" in words
    model_file = open_model(Path(str(files("quantloom.gen") / "assets" / "digits.onnx")))
    (point,) = points_of(sweep(""), [model_file])
    assert "--max" not in point.command and "--part" not in point.command


def test_a_design_alone_keeps_its_folding(model):
    """So no command would make another one: there must be a part or a target."""
    with pytest.raises(QuantloomError, match="tiny0: a design keeps its folding unless"):
        points_of(sweep(""), [model])


def test_rates_share_foldings_by_their_cycles(model):
    """1,000 frames a second at 100 MHz and 2,000 at 200 are the same cycles."""
    points = points_of(sweep("[sweep]\nclock = [100, 200]\nfps = [1e5, 2e5]"), [model])
    assert sorted((p.clock, p.cycles) for p in points) == [
        (100, 500), (100, 1000), (200, 1000), (200, 2000)]
    assert len(solves_of(points)) == 3


def test_the_same_point_counts_once(model):
    assert len(points_of(sweep("[sweep]\ncycles = 1000\nfps = 1e5"), [model])) == 1


def test_a_board_gives_its_part_and_sets_its_shell_aside(model):
    (point,) = points_of(sweep("[sweep]\nboard = 'zybo-z7-10'\ncycles = 400"), [model])
    part = PARTS["XC7Z010"]
    assert point.place.part == part
    assert point.place.utilisation == UTILISATION - shell_sites(taps=True) / part.luts
    assert point.asked()["board"] == "zybo-z7-10" and point.asked()["part"] == "XC7Z010"
    assert "--board zybo-z7-10" in point.command and "--utilisation" not in point.command


def test_a_part_of_ones_own(model, tmp_path):
    (tmp_path / "mine.toml").write_text(
        "name = 'MINE'\nfamily = 'Artix-7'\nluts = 900\nlutram_luts = 300\nffs = 1800\n"
        "bram36 = 2\ndsp = 3\n")
    (point,) = points_of(sweep("[sweep]\npart = 'mine.toml'", tmp_path), [model])
    assert point.place.part.luts == 900 and point.asked()["part"] == "MINE"
    assert f"--part {tmp_path / 'mine.toml'}" in point.command


def test_keys_are_those_of_what_is_computed(designs, model):
    """Another name or folder changes nothing; another network, clock or share does."""
    text = "[sweep]\npart = 'xc7z010'\ncycles = 400\n"
    (point,) = points_of(sweep(text), [model])
    (same,) = points_of(sweep(text), [open_model(designs["tiny0"], name="other")])
    assert same.key == point.key
    for other, models in ((text, [open_model(designs["tiny1"])]), (text + "clock = 50", [model]),
                          (text + "utilisation = '80%'", [model])):
        (different,) = points_of(sweep(other), models)
        assert different.key != point.key, other


def test_options_of_a_command(model):
    (point,) = points_of(sweep("[sweep]\npart = 'xc7z010'\nutilisation = '62.5%'\nclock = 133.3\n"
                               "cycles = 400"), [model])
    assert point.command.endswith("--part xc7z010 --utilisation 62.5% --cycles 400 --clock 133.3")
