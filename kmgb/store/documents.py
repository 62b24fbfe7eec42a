"""The exact texts that runs were made with, kept once each under the sha256 of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from kmgb.store.findings import chunks
from kmgb.store.schema import document

DocumentKind = Literal["veldtoewijzing", "kruiscontroles", "catalogus", "codelijsten"]


@dataclass(frozen=True, slots=True)
class Document:
    """One text as its file held it. `kind` says what it is: a DocumentKind."""

    kind: str
    content: bytes

    @property
    def sha256(self) -> str:
        """What it is called."""
        return hashlib.sha256(self.content).hexdigest()


def remember_documents(connection: Connection, documents: Iterable[Document]) -> None:
    """Keep the texts that are not kept yet."""
    named = {one.sha256: one for one in documents}
    for sha256 in sorted(named.keys() - _known(connection, named)):
        row = {"sha256": sha256, "kind": named[sha256].kind, "content": named[sha256].content}
        try:
            with connection.begin_nested():
                connection.execute(insert(document).values(row))
        except IntegrityError:  # another run kept the same text at this moment
            continue


def documents_named(connection: Connection, names: Collection[str]) -> dict[str, Document]:
    """The kept texts of these sha256, as far as there are any and they are still what they are called."""
    found: dict[str, Document] = {}
    for chunk in chunks(sorted(names)):
        for row in connection.execute(select(document).where(document.c.sha256.in_(chunk))):
            kept = Document(row.kind, bytes(row.content))
            if kept.sha256 == row.sha256:
                found[row.sha256] = kept
    return found


def _known(connection: Connection, names: Collection[str]) -> set[str]:
    statement = select(document.c.sha256).where(document.c.sha256.in_(sorted(names)))
    return set(connection.execute(statement).scalars())
