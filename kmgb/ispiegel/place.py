"""The tables of i-Spiegel -> mappings of ours, each checked as any mapping is, and a list of what has no place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmgb.catalogue.fields import Catalogue
from kmgb.errors import MappingError
from kmgb.ispiegel.sources import column_name, connection
from kmgb.ispiegel.tables import Databron, Escapes, Tables, Vergelijking
from kmgb.ispiegel.toml import toml_text
from kmgb.ispiegel.words import entity_of, field_of
from kmgb.mapping.load import parse_mapping
from kmgb.normalise.text import decoder_table

_DECODERS = ("centric", "teletex", "html")
_FOLDS = re.compile(r"'&#0?\d+;'\s*,\s*'[A-Za-z]'")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a person must still do or know: about what, and a Dutch sentence. `unplaced`: it has no place here."""

    about: str
    what: str
    unplaced: bool = True


@dataclass(frozen=True, slots=True)
class Imported:
    """The mapping files by name (without .toml), and the remarks, in the order of i-Spiegel's tables."""

    files: dict[str, str]
    remarks: tuple[Remark, ...]


@dataclass
class _Work:
    """What has been placed so far: afnemer -> its document."""

    catalogue: Catalogue
    decoders: Sequence[str]
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    seen: dict[tuple[str, str], str] = field(default_factory=dict)

    def tell(self, about: str, what: str, *, unplaced: bool = True) -> None:
        remark = Remark(about, what, unplaced)
        if remark not in self.remarks:
            self.remarks.append(remark)


def place(tables: Tables, catalogue: Catalogue) -> Imported:
    """Every source that is compared becomes an entity in the mapping of its application."""
    work = _Work(catalogue, [])
    decoders = [_decoder(escapes, work) for escapes in tables.escapes]
    work.decoders = [decoder for decoder in dict.fromkeys(decoders) if decoder]
    known = {source.name: source for source in tables.sources}
    for comparison in tables.comparisons:
        _place_comparison(comparison, known, work)
    used = {name for one in tables.comparisons for name in (one.reference, one.analysis)}
    for source in tables.sources:
        if source.name not in used:
            work.tell(source.name, "wordt in geen vergelijking gebruikt; er is geen veldtoewijzing van gemaakt.")
    if tables.checks:
        what = f"{tables.checks} controles op waarden: kmgb controleert elke waarde met de regels van de catalogus."
        work.tell("ISPIEGEL_CONTROLE", what)
    return Imported(dict(_checked(work)), tuple(work.remarks))


def _place_comparison(comparison: Vergelijking, known: dict[str, Databron], work: _Work) -> None:
    about = f"vergelijking {comparison.name}"
    if comparison.remark:
        work.tell(about, f"{comparison.remark}.")
    if not comparison.active:
        work.tell(about, "stond in i-Spiegel uit; de veldtoewijzing is wel gemaakt.", unplaced=False)
    reference, analysis = entity_of(comparison.reference), entity_of(comparison.analysis)
    if reference and analysis and reference != analysis:
        what = f"vergelijkt {analysis} met {reference}. Dat is hier een kruiscontrole: zie docs/kruiscontroles.md."
        work.tell(about, what)
    for side, name in (("reference", comparison.reference), ("analysis", comparison.analysis)):
        source = known.get(name)
        if source is None:
            work.tell(about, f"noemt databron {name!r}, die niet in de tabel staat.")
        elif not entity_of(name):
            work.tell(name, "de naam zegt niet welke entiteit dit is (verwacht: BRP.Persoon..., BAG.Adres..., ...).")
        else:
            _place_source(source, comparison, side, work)


def _place_source(source: Databron, comparison: Vergelijking, side: str, work: _Work) -> None:
    entity = work.catalogue[entity_of(source.name)]
    columns = {pair.name: column_name(source, getattr(pair, side)) for pair in comparison.fields}
    fields: dict[str, Any] = {}
    for name, column in columns.items():
        target, _, part = field_of(name, entity).partition("/")
        if not target:
            work.tell(source.name, f"veld {name!r} is geen veld van {entity.name}.")
        elif part:
            fields.setdefault(target, {"kolommen": {}})["kolommen"][part] = column
        else:
            fields[target] = column
    key = field_of(comparison.primary, entity)
    if key not in (own_keys := [one.name for one in entity.fields if one.key_role in ("primary", "alternative")]):
        key = next((name for name in own_keys if name in fields), "")
    if not key or key not in fields:
        what = f"geen veldtoewijzing: er is geen kolom voor een sleutel van {entity.name} ({' of '.join(own_keys)})."
        work.tell(source.name, what)
        return
    _tell_groups(comparison, source, entity.name, fields, work)
    _keep(source, entity.name, key, fields, side, work)


def _keep(source: Databron, entity: str, key: str, fields: dict[str, Any], side: str, work: _Work) -> None:
    naam, role = _afnemer(source, side)
    if work.seen.setdefault((naam, entity), source.name) != source.name:
        what = f"{source.application} heeft al een databron voor {entity}: {work.seen[naam, entity]}. Kies er één."
        work.tell(source.name, what)
        return
    document = work.documents.setdefault(
        naam, {"afnemer": {"naam": naam, "titel": source.application, "rol": role}, "entiteit": {}}
    )
    plan = document["entiteit"].setdefault(
        entity, {"bestand": f"{naam}_{entity}_*.csv", "peildatum_uit_naam": r"(\d{8})", "sleutel": [key], "velden": {}}
    )
    plan["velden"] |= fields
    reached = connection(source)
    if reached.bron is not None:
        plan["bron"] = reached.bron
    for remark in reached.remarks:
        work.tell(source.name, remark, unplaced=reached.bron is None)
    for remark in _about_query(source.query, work.decoders):
        work.tell(source.name, remark, unplaced=False)


def _afnemer(source: Databron, side: str) -> tuple[str, str]:
    """The name and role of the application: what distributes is the distributie, what is referred to a register."""
    naam = re.sub(r"[^a-z0-9]+", "-", source.application.lower()).strip("-") or "onbekend"
    if "distributie" in naam:
        return naam, "distributie"
    return (f"{naam}-register", "register") if side == "reference" else (naam, "afnemer")


def _about_query(query: str, decoders: Sequence[str]) -> Iterator[str]:
    if _FOLDS.search(query):
        yield (
            "de query vervangt &#...; door letters zonder diakriet, waardoor verschillen in diakrieten verdwijnen. "
            'Haal die replace weg en zet decodering = "html".'
        )
    elif decoders and "teletex2unicode" not in query.lower():
        names = " of ".join(f'decodering = "{name}"' for name in decoders)
        yield f"schrijft deze bron diakrieten als in de tekentabel, zet dan {names} onder aanlevering."
    if re.search(r"\bwhere\b", query, re.IGNORECASE):
        yield "wie meedoet staat in de query (WHERE); beschrijf dat ook als populatie, zodat het rapport het zegt."


def _tell_groups(comparison: Vergelijking, source: Databron, entity: str, fields: dict[str, Any], work: _Work) -> None:
    """Where each group of i-Spiegel goes: ours are those of the catalogue and are the same for everyone."""
    known = work.catalogue[entity]
    for group in dict.fromkeys(pair.group for pair in comparison.fields):
        targets = {field_of(pair.name, known).partition("/")[0] for pair in comparison.fields if pair.group == group}
        ours = sorted({known[name].group for name in targets if name in fields})
        if ours:
            work.tell(f"groep {group}", f"heet bij {entity}: {', '.join(ours)}.", unplaced=False)


def _decoder(escapes: Escapes, work: _Work) -> str:
    """The decoder of ours that knows most of this escape table; what it does not know is told."""

    def score(name: str) -> tuple[int, bool]:
        table = decoder_table(name)
        return sum(table.get(written) == meant for written, meant in escapes.pairs), name in escapes.file

    best = max(_DECODERS, key=score)
    count, total = score(best)[0], len(escapes.pairs)
    if not count:
        work.tell(escapes.file, "kmgb heeft geen decodering voor deze tekentabel.")
        return ""
    table = decoder_table(best)
    other = [written for written, meant in escapes.pairs if table.get(written) != meant]
    rest = f" Anders of onbekend: {', '.join(other)}." if other else ""
    what = f'is decodering = "{best}": {count} van {total} tekens zijn gelijk.{rest}'
    work.tell(escapes.file, what, unplaced=bool(other))
    return best


def _checked(work: _Work) -> Iterator[tuple[str, str]]:
    """Each mapping as text, when it is right as it stands; else its faults are told."""
    for naam, document in work.documents.items():
        text = toml_text(document)
        try:
            parse_mapping(text.encode(), Path(f"{naam}.toml"), work.catalogue)
        except MappingError as error:
            for problem in error.problems:
                work.tell(f"{naam}.toml", str(problem))
            continue
        yield naam, text
