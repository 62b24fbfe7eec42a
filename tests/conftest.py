"""What tests share: the folder with published register data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a red build must be red again when someone looks.
settings.register_profile("kmgb", derandomize=True, deadline=None)
settings.load_profile("kmgb")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with published data. Absent, the test is skipped aloud, or fails when KMGB_REQUIRE_SHARED is 1."""
    folder = Path(os.environ.get("KMGB_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "data").is_dir():
        reason = f"published register data not found in {folder}: set KMGB_SHARED to the folder that holds data/"
        if os.environ.get("KMGB_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder.resolve()
