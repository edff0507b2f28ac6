"""Boards: every one is whole, and a user's own comes from a file."""

import pytest

from quantloom.boards.board import BOARDS, BoardError, board

OWN = """
from amaranth.build import *
from amaranth.vendor import LatticeECP5Platform

class Mine(LatticeECP5Platform):
    device, package, speed = "LFE5U-45F", "BG381", "6"
    default_clk = "clk"
    resources = [Resource("clk", 0, Pins("P3", dir="i"), Clock(25e6))]
    connectors = []
"""


@pytest.mark.parametrize("name", BOARDS)
def test_known_boards(name):
    found = board(name.upper())
    assert found.part.name.lower() == found.platform.device.lower()
    assert found.host == ("zynq" if found.part.name.startswith("XC7Z") else "serial")
    clock = found.pins(found.platform.default_clk)
    assert clock.clock.frequency in (25e6, 125e6)
    if found.host == "serial":
        assert {io.name for io in found.pins("uart").ios} >= {"rx", "tx"}


def test_unknown_board_lists_the_known():
    with pytest.raises(BoardError, match=r"Board must be one of zybo-z7-10, .*, or a file in the "
                                         r"form of amaranth-boards, not 'zybo-z8'"):
        board("zybo-z8")


@pytest.fixture
def own(tmp_path):
    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


def test_own_board(own):
    path = own(OWN)
    for name in (str(path), f"{path}:Mine"):
        found = board(name)
        assert (found.name, found.part.name, found.host) == ("mine", "LFE5U-45F", "serial")
    with pytest.raises(BoardError, match=r"has no pins for 'uart'; add a resource of that name"):
        found.pins("uart")


@pytest.mark.parametrize("text, wanted, message", [
    ("x = 1", "", r"must have one platform class with a device, not none"),
    (OWN + OWN.replace("Mine", "Yours"), "", "not Mine, Yours; name it as"),
    (OWN, ":Yours", "has no platform class 'Yours' with a device; it has Mine"),
    (OWN.replace('default_clk = "clk"', ""), "", "Mine lacks default_clk"),
    (OWN.replace("LFE5U-45F", "LFE5U-9F"), "", "Part must be one of"),
    ("import nothing_of_that_name", "", "cannot be run: ModuleNotFoundError"),
    ("1 / 0", "", "cannot be run: ZeroDivisionError"),
    ("def f(:", "", "cannot be run: SyntaxError"),
])  # fmt: skip
def test_bad_board_file(own, text, wanted, message):
    with pytest.raises(BoardError, match=message):
        _ = board(f"{own(text)}{wanted}").part
