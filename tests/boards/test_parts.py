"""A user's own part comes from a file, and goes on in what is written."""

import pytest

from quantloom.boards.parts import PARTS, Part, part

OWN = """
name = "XC7S25"
family = "Artix-7"  # its architecture
luts = 14_600
lutram_luts = 5_000
ffs = 29_200
bram36 = 45
dsp = 80
"""


@pytest.fixture
def own(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return str(path)

    return write


def test_own_part(own):
    found = part(own(OWN))
    assert found == Part("XC7S25", "Artix-7", 14_600, 5_000, 29_200, 45, 80)
    assert found.architecture == "xc7"
    assert Part.from_json(found.to_json()) == found


@pytest.mark.parametrize("known", PARTS.values(), ids=lambda known: known.name)
def test_known_parts_are_written_by_name(known):
    assert known.to_json() == known.name and Part.from_json(known.name.lower()) is known


@pytest.mark.parametrize("text, message", [
    ("luts = ", "mine.toml: Invalid value"),
    ("", "must have a text as name, not None"),
    (OWN.replace("14_600", "'many'"), "must have a whole number from 1 on as luts, not 'many'"),
    (OWN.replace("14_600", "-1"), "must have a whole number from 1 on as luts, not -1"),
    (OWN.replace("45", "true"), "must have a whole number from 0 on as bram36, not True"),
    (OWN.replace("Artix-7", "Virtex"), "must be of family Zynq-7000, Artix-7, ECP5, not 'Virtex'"),
    (OWN + "urams = 3", "Part has name, .*, dsp, not urams"),
])  # fmt: skip
def test_bad_part_file(own, text, message):
    with pytest.raises(ValueError, match=message):
        part(own(text))


def test_no_such_part(tmp_path):
    with pytest.raises(ValueError, match=r"none.toml: cannot be read: No such file"):
        part(str(tmp_path / "none.toml"))
    with pytest.raises(ValueError, match=r"one of XC7Z007S, .*, or a file NAME.toml, not 'xc7'"):
        part("xc7")
    with pytest.raises(ValueError, match="must be a name or a table, not 7"):
        Part.from_json(7)
