"""HTTPS: a file or a paged JSON endpoint behind the gateway. `kmgb sources test` looks at the begin of it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kmgb.catalogue.fields import Entity
from kmgb.errors import SourceError
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.https_file import fetch_file
from kmgb.fetch.https_next import first_address
from kmgb.fetch.https_pages import as_lines, fetch_pages
from kmgb.fetch.https_promise import delivered_name
from kmgb.fetch.https_session import Session, open_session
from kmgb.fetch.transfer import Terms
from kmgb.fetch.transfer_probe import (
    LARGEST_SAMPLE,
    Seen,
    TransferProbe,
    begin_says_enough,
    check_sample_size,
    keep_begin,
    looked_into,
)
from kmgb.mapping.bronnen.https import HttpsBron
from kmgb.mapping.model import EntiteitMapping
from kmgb.sources.dumps import as_utc

if TYPE_CHECKING:
    import httpx2

_STANDARD = Terms()
_LONGEST_SERVER = 80


def fetch_https(bron: HttpsBron, plan: EntiteitMapping, into: Path, *, terms: Terms = _STANDARD) -> list[Fetched]:
    """The one file of the source, whole and as promised, in `into`; `plan` does not matter here.

    Raises: SourceError; SettingsError for a secret.
    """
    with open_session(bron, terms) as session:
        return [fetch_pages(session, bron.paginas, into) if bron.paginas else fetch_file(session, into)]


def probe_https(bron: HttpsBron, plan: EntiteitMapping, entity: Entity, *, terms: Terms = _STANDARD) -> TransferProbe:
    """Connect, and read the begin of the file or the first page. Raises: SourceError; SettingsError."""
    small = bron.model_copy(update={"grootste": min(bron.grootste, LARGEST_SAMPLE)})
    with open_session(small, terms) as session, tempfile.TemporaryDirectory(prefix="kmgb-test-") as folder:
        scratch = Path(folder)
        probe, path = session.retried(lambda: _begin(session, plan, scratch))
        try:
            if bron.paginas is not None:
                path, plan = fetch_pages(session, bron.paginas, scratch, most=1).path, as_lines(plan)
            elif path is None:
                check_sample_size(probe.sample, probe.files[0].size)
                path = fetch_file(session, scratch).path
            return looked_into(probe, path, path.name, plan, entity, terms.limits)
        except SourceError as error:
            return replace(probe, remarks=(str(error),))


def _begin(session: Session, plan: EntiteitMapping, scratch: Path) -> tuple[TransferProbe, Path | None]:
    """Who answers with what, and some lines of it where a begin says enough."""
    bron = session.bron
    url = bron.url if bron.paginas is None else first_address(bron, bron.paginas)
    with session.get(url, {"Accept-Encoding": "identity"}) as response:
        headers = response.headers
        name = delivered_name(bron, headers)
        seen = Seen(name, int(headers.get("content-length", 0)), _changed(headers), "")
        told = re.sub(r"[^\x20-\x7e]", "", headers.get("server", ""))[:_LONGEST_SERVER]
        probe = TransferProbe(bron.place, told, _security(response, bron), (seen,), name, (), (), (), ())
        if bron.paginas is None and begin_says_enough(plan.aanlevering):
            return probe, keep_begin(response.iter_raw(), scratch / name)
    return probe, None


def _security(response: httpx2.Response, bron: HttpsBron) -> str:
    secured = response.extensions["network_stream"].get_extra_info("ssl_object")
    shown = ", clientcertificaat getoond" if bron.clientcertificaat else ""
    return f"{secured.version()}, certificaat gecontroleerd{shown}"


def _changed(headers: Mapping[str, str]) -> datetime:
    """When the file was last changed, as far as the server tells; else now."""
    for name in ("last-modified", "date"):
        with suppress(ValueError):
            return as_utc(parsedate_to_datetime(headers.get(name, "")), "UTC")
    return datetime.now(UTC)
