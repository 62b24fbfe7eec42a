"""The name of a secret, as a mapping or a setting writes it. The secret itself is in the environment or in a file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

_NAME = re.compile(r"([a-z][a-z0-9]*(-[a-z0-9]+)*)?")


def only_a_name(name: str) -> str:
    """A password that somebody writes down here is refused, and never repeated."""
    if not _NAME.fullmatch(name):
        raise ValueError("moet de naam van een geheim zijn (kleine letters, cijfers, streepjes), niet het geheim zelf")
    return name


Geheim = Annotated[str, AfterValidator(only_a_name), Field(repr=False)]
