"""The municipality as one run had it: its kept texts, its settings, its aanleveringen. Nothing is landed or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from kmgb.crosscheck.load import parse_crosschecks
from kmgb.crosscheck.model import CrossChecks
from kmgb.errors import SourceError
from kmgb.landing import DATA_FILE, Landed, Manifest, open_landed
from kmgb.mapping.load import parse_mapping
from kmgb.mapping.model import Mapping as AfnemerMapping
from kmgb.run.distributie import Distributie
from kmgb.run.municipality import Municipality
from kmgb.sources.delivered import fingerprint
from kmgb.store.documents import Document
from kmgb.store.runs import StoredDelivery, StoredRun

_SIDES: Final = ("veldtoewijzing", "veldtoewijzing_distributie")


@dataclass(frozen=True)
class Then(Municipality):
    """One run's municipality. `kept`: the texts of its two sides and its kruiscontroles, by what they were called."""

    kept: Mapping[str, Document]

    @cached_property
    def sides(self) -> tuple[AfnemerMapping, AfnemerMapping]:
        """The mapping of the run's own name, and that of what it was laid beside. Raises: MappingError."""
        afnemer, source = (self._mapping(name) for name in _SIDES)
        return afnemer, source

    @cached_property
    def mappings(self) -> dict[str, AfnemerMapping]:
        """The mappings of both sides by name."""
        return {mapping.naam: mapping for mapping in self.sides}

    @cached_property
    def crosschecks(self) -> CrossChecks:
        """The kruiscontroles of the run; none when it had no file with them. Raises: CrossCheckError."""
        text = self.kept.get("kruiscontroles")
        path = Path("bewaarde kruiscontroles")
        return parse_crosschecks(text.content, path, self.catalogue) if text else CrossChecks((), path, "")

    def _mapping(self, name: str) -> AfnemerMapping:
        text = self.kept[name]
        return parse_mapping(text.content, Path(f"bewaarde veldtoewijzing {text.sha256[:12]}"), self.catalogue)


@dataclass
class KeptDistributie(Distributie):
    """The aanleveringen of one run, given when it is made. What is not among them is not there."""

    def land(self, mapping: AfnemerMapping, entity: str) -> Landed:
        """The kept aanlevering. Raises: SourceError when the run had none."""
        found = self._landed.get((mapping.naam, entity))
        if found is None:
            raise SourceError(f"de run gebruikte geen aanlevering van {mapping.naam}, {entity}.")
        return found


def municipality_then(municipality: Municipality, stored: StoredRun, absent: list[str]) -> Then | None:
    """The municipality of this run; None when a text is gone, and then `absent` says in Dutch which."""
    versions = stored.facts["versions"]
    named = {name: versions[name] for name in (*_SIDES, "kruiscontroles") if versions.get(name)}
    documents = municipality.history.documents(named.values())
    gone = [name for name, sha256 in named.items() if sha256 not in documents]
    if gone:
        what = ", ".join(name.replace("_", " van de ") for name in gone)
        absent.append(f"de tekst van de {what} is bij deze run niet bewaard, of is veranderd.")
        return None
    settings = municipality.settings.model_copy(update=stored.facts.get("settings", {}))
    return Then(settings, {name: documents[sha256] for name, sha256 in named.items()})


def kept_deliveries(municipality: Municipality, stored: StoredRun, absent: list[str]) -> dict[str, Landed]:
    """The aanleveringen of this run by id, each proven to be what it was; of others `absent` says in Dutch why not."""
    found = {}
    for number in dict.fromkeys(_used(stored)):
        delivery = municipality.history.delivery(number)
        landed = open_landed(municipality.landing, _as_then(delivery))
        reason = _unusable(landed)
        if reason:
            absent.append(f"aanlevering {number} ({delivery.afnemer}, {delivery.entity}) {reason}")
        else:
            found[number] = landed
    return found


def unproven(landed: Mapping[str, Landed]) -> list[str]:
    """The ids of aanleveringen from before the sha256 of their Parquet was kept: what is in them rests on the disk."""
    return [number for number, one in landed.items() if not one.manifest.data_sha256]


def _used(stored: StoredRun) -> Iterator[str]:
    yield from (number for number in (stored.distributie_id, stored.afnemer_id) if number is not None)
    yield from stored.facts.get("references", {}).values()


def _as_then(delivery: StoredDelivery) -> Manifest:
    """The manifest out of the history, not that on the disk. What a run compared was accepted, whatever came later."""
    return Manifest.from_document(delivery.manifest | {"status": "geaccepteerd"})


def _unusable(landed: Landed) -> str:
    data, expected = landed.folder / DATA_FILE, landed.manifest.data_sha256
    if not data.is_file():
        return "is er niet meer: de bewaartermijn is voorbij of de map is verplaatst."
    if expected and fingerprint(data)[0] != expected:
        return "is niet meer wat zij was: de sha256 van data.parquet is anders dan bij de aanlevering is vastgelegd."
    return ""
