"""A document of tables, lists and texts -> TOML as a person would write it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# In a text of several lines between ''' everything stands as it is; TOML allows no other control characters there.
_PLAIN_LINES = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")


def toml_text(document: Mapping[str, Any]) -> str:
    """The document; the tables of the first three levels get a heading, deeper ones stand on one line."""
    return "\n".join(_table(document, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping) and len(path) < 3}
    plain = {name: value for name, value in table.items() if name not in inner}
    if plain:
        yield ""
        if path:
            yield f"[{'.'.join(map(_key, path))}]"
        yield from (f"{_key(name)} = {_value(value)}" for name, value in plain.items())
    for name, value in inner.items():
        yield from _table(value, (*path, name))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _text(value: str) -> str:
    if "\n" in value and "'''" not in value and not value.endswith("'") and _PLAIN_LINES.fullmatch(value):
        return f"'''\n{value}'''"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
