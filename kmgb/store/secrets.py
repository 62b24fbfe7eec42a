"""Keyed identities and encrypted values: what the database holds of a person is useless without the key.

Identities are HMAC-SHA256, values AES-256-GCM bound to the identity they belong to. Both keys are derived from one
master key with HKDF. Source: design section 10; AVG art. 32.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kmgb.errors import StoreError

_BYTES = 32
_NONCE = 12
_SEPARATOR = "\x1f"  # cannot occur in a part: control characters in a dump never get this far

Value = str | None


class Vault:
    """Makes identities and keeps values. Its `repr` shows nothing of the key."""

    def __init__(self, master: bytes) -> None:
        if len(master) != _BYTES:
            raise StoreError(f"De sleutel telt {len(master)} bytes; verwacht worden er {_BYTES} (base64 van 32 bytes).")
        self._identity_key = _derived(master, b"kmgb identiteit")
        self._cipher = AESGCM(_derived(master, b"kmgb waarden"))

    def identity(self, *parts: str) -> str:
        """The keyed hash (64 hexadecimal characters) of what something is called."""
        return hmac.digest(self._identity_key, _SEPARATOR.join(parts).encode(), "sha256").hex()

    def seal(self, values: Sequence[Value], identity: str) -> bytes:
        """The values, encrypted and bound to `identity`: moved to another row they no longer open."""
        nonce = os.urandom(_NONCE)
        text = json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode()
        return nonce + self._cipher.encrypt(nonce, text, identity.encode())

    def open(self, sealed: bytes, identity: str) -> list[Value]:
        """The values that `seal` kept. Raises: StoreError under another key or for another row."""
        try:
            opened: list[Value] = json.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], identity.encode()))
        except InvalidTag as error:
            raise StoreError(
                "De waarden in de database horen bij een andere sleutel. Zet KMGB_KEY (of data/sleutel) terug op de "
                "sleutel waarmee deze database is begonnen."
            ) from error
        return opened


def open_vault(key: str, key_file: Path) -> Vault:
    """The vault for the configured key; without one, that of `key_file`, which is made once and readable by us only."""
    if not key and not key_file.exists():
        _make(key_file)
    text = key or key_file.read_text(encoding="ascii").strip()
    try:
        return Vault(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        where = "De instelling key" if key else f"Het sleutelbestand {key_file}"
        raise StoreError(f"{where} is geen geldige base64. Maak een sleutel met: openssl rand -base64 32") from error


def _make(key_file: Path) -> None:
    key_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(base64.b64encode(os.urandom(_BYTES)).decode() + "\n")


def _derived(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_BYTES, salt=None, info=purpose).derive(master)
