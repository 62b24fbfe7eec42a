"""Who may push which deliveries: the tokens and client certificates that the mappings name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kmgb.errors import SettingsError
from kmgb.fetch.secrets import secret
from kmgb.run.municipality import Municipality

SHORTEST = 24  # characters of a token: what is shorter can be guessed


@dataclass(frozen=True, slots=True)
class Supplier:
    """Somebody who proved who he is: the afnemers he may deliver for, and by what he was recognised."""

    afnemers: tuple[str, ...]
    proof: str


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Per afnemer the sha256 of its token, and the fingerprints of its certificates. Nothing here can be used."""

    tokens: Mapping[str, bytes]
    certificates: Mapping[str, frozenset[str]]

    def recognise(self, token: str, fingerprints: Collection[str]) -> Supplier | None:
        """The supplier with this token, or with one of these certificates; None for a stranger.

        A token that nobody has is refused, also beside a certificate that is known: it was meant to be right.
        """
        if token:
            return self._by_token(hashlib.sha256(token.encode()).digest())
        known = {name for name, allowed in self.certificates.items() if not allowed.isdisjoint(fingerprints)}
        which = sorted(print_ for print_ in fingerprints if any(print_ in self.certificates[name] for name in known))
        return Supplier(tuple(sorted(known)), f"certificaat sha256:{which[0][:16]}") if known else None

    def _by_token(self, digest: bytes) -> Supplier | None:
        # Every token is compared, in constant time: how long it takes tells nothing about how near one came.
        same = [(name, hmac.compare_digest(digest, known)) for name, known in self.tokens.items()]
        names = tuple(sorted(name for name, equal in same if equal))
        return Supplier(names, "token") if names else None


def suppliers(municipality: Municipality) -> Suppliers:
    """Who may push, by all mappings. Raises: SettingsError when a secret is missing or too short to be one."""
    tokens, certificates = {}, {}
    for name, mapping in municipality.mappings.items():
        door = mapping.afnemer.aanleveren
        if door is None:
            continue
        certificates[name] = frozenset(door.certificaat)
        if door.token:
            text = secret(door.token, municipality.settings.secrets).get_secret_value()
            if len(text) < SHORTEST:
                hint = "Maak er een met: openssl rand -base64 32"
                raise SettingsError(f"Geheim {door.token!r} is korter dan {SHORTEST} tekens. {hint}")
            tokens[name] = hashlib.sha256(text.encode()).digest()
    return Suppliers(tokens, certificates)
