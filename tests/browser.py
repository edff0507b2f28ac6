"""A browser to open pages in."""

from __future__ import annotations

import shutil

import pytest

__all__ = ["chromium"]


def chromium() -> str:
    """Chromium, or one that is called otherwise; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium is installed ('apt install chromium'): the page is not opened")
