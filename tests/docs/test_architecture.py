"""``docs/architecture.md`` and its picture name what is there."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from .pages import ROOT

FOLDERS = ("gen", "sim", "boards", "rtl_templates")


def test_modules_are_there():
    """A name without a folder lies in the one that its section begins with."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    for section in page.split("\n## ")[1:]:
        title, _, text = section.partition("\n\n")
        names = re.findall(r"`([a-z0-9_/]+(?:\.py)?)`", text)
        found = [name for name in names if name.endswith(".py") or name.split("/")[0] in FOLDERS]
        assert found, title
        first = ROOT / found[0]
        folder = first if first.is_dir() else first.parent
        for name in found:
            assert (ROOT / name).exists() or (folder / name).is_file(), f"{title}: {name}"


def test_picture():
    root = ElementTree.parse(ROOT / "docs" / "architecture.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    places = [text.text for text in root.iter(f"{svg}text") if text.get("class") == "place"]
    packages = [place for place in places if place.split("/")[0] in FOLDERS]
    assert {place.split("/")[0] for place in packages} == set(FOLDERS)
    for place in packages:
        assert (ROOT / place).exists(), place
    assert "prefers-color-scheme: dark" in root.find(f"{svg}style").text
    width, height = map(int, root.get("viewBox").split()[2:])
    for rect in root.iter(f"{svg}rect"):
        assert int(rect.get("x", 0)) + int(rect.get("width")) <= width
        assert int(rect.get("y", 0)) + int(rect.get("height")) <= height
