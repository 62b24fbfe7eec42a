"""Secrets by name: from the environment or a file that only we may read, never from a mapping."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

from pydantic import SecretStr

from kmgb.errors import SettingsError, SourceError

PREFIX = "KMGB_GEHEIM_"


def secret(name: str, file: Path | None = None) -> SecretStr:
    """The secret `name`: `KMGB_GEHEIM_<NAME>` in the environment wins over the entry in `file` (TOML, name = "text").

    Raises: SettingsError when it is nowhere, or the file can be read by others.
    """
    variable = PREFIX + name.upper().replace("-", "_")
    if variable in os.environ:
        return SecretStr(os.environ[variable])
    if file is not None and file.exists():
        if _others_can_read(file):
            raise SettingsError(f"{file}: dit bestand met geheimen is ook voor anderen leesbaar. Doe: chmod 600 {file}")
        try:
            known = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # no TOML, or no UTF-8
            raise SettingsError(f"{file}: het bestand met geheimen is niet te lezen als TOML.") from error
        if isinstance(known.get(name), str):
            return SecretStr(known[name])
    place = f" of in {file}" if file is not None else ""
    raise SettingsError(f"Geheim {name!r} ontbreekt. Zet het in de omgeving als {variable}{place}.")


def check_private(path: Path) -> None:
    """Raises: SourceError when others can read the private key `path`; OSError when it is not there."""
    if _others_can_read(path):
        raise SourceError(f"{path}: deze privésleutel is ook voor anderen leesbaar. Doe: chmod 600 {path}")


def _others_can_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
