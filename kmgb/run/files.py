"""Two files compared with one mapping, without history: to try a mapping, or to check outside the weekly round."""

from __future__ import annotations

import csv
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import polars as pl

from kmgb.catalogue.fields import Entity
from kmgb.compare.comparison import Comparison
from kmgb.errors import MappingError, Problem, ReportError, SourceError
from kmgb.mapping.load import load_mapping
from kmgb.mapping.model import Aanlevering, EntiteitMapping, Mapping, Veld
from kmgb.report.files import RECORD, write_findings
from kmgb.run.municipality import Municipality
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_key, comparison_plan
from kmgb.run.prepare import Prepared, prepare
from kmgb.sources.dumps import as_utc
from kmgb.sources.entity import read_entity

_SEPARATORS = (",", ";", "\t", "|")


def compare_files(
    municipality: Municipality,
    mapping: Path,
    entity_name: str,
    distributie: Path,
    afnemer: Path,
    out: Path,
    *,
    distributie_mapping: Path | None,
    day: date,
) -> Comparison:
    """Compare, and write `afwijkingen.parquet`, `afwijkingen.csv` (columns RECORD) and `samenvatting.json` to `out`.

    `day` is the peildatum of both files: its moments are the first of that day in the municipality's time zone.
    Raises: MappingError, SourceError, and nothing is written then; ReportError when `out` cannot be written.
    """
    _present(distributie, afnemer)
    catalogue = municipality.catalogue
    entity, whole = catalogue[entity_name], load_mapping(mapping, catalogue)
    theirs = _entity_of(whole, entity_name)
    if distributie_mapping is None:
        ours = labelled_mapping(distributie, entity, theirs)
    else:
        ours = _entity_of(load_mapping(distributie_mapping, catalogue), entity_name)
    key, history = comparison_key(entity, theirs), theirs.historie == "historie"
    limits = replace(municipality.limits, fingerprint=False)  # two files are compared, and nothing is kept
    with tempfile.TemporaryDirectory(prefix="kmgb-") as scratch:

        def ready(source: tuple[Path, EntiteitMapping]) -> tuple[Prepared, tuple[str, ...]]:
            path, side = source
            folder = Path(tempfile.mkdtemp(dir=scratch))
            delivered, frame, _ = read_entity(path, side, limits, folder, municipality.settings.dumps)
            return prepare(frame, side, entity, catalogue, key=key, history=history, day=day), delivered.remarks

        with ThreadPoolExecutor(2) as pool:
            (left, said_ours), (right, said_theirs) = pool.map(ready, [(distributie, ours), (afnemer, theirs)])
    plan = comparison_plan(catalogue, entity, ours, theirs, day)
    comparison = compare_prepared(left, right, plan)
    try:
        said = {"distributie": said_ours, "afnemer": said_theirs}
        _write(comparison, whole.naam, entity_name, day, out, zone=municipality.settings.timezone, remarks=said)
    except OSError as error:
        raise ReportError(f"{out}: {_refusal(error)}. Kies met --out een andere map.") from error
    return comparison


def labelled_mapping(path: Path, entity: Entity, theirs: EntiteitMapping) -> EntiteitMapping:
    """The mapping of a CSV file (UTF-8) whose columns are called as in Bijlage 2, or by the catalogue's own names.

    Raises: SourceError when no column is known, MappingError when the key is not among them.
    """
    header = _header(path)
    columns = {sign: next(csv.reader([header], delimiter=sign), []) for sign in _SEPARATORS}
    found = {sign: _known_columns(names, entity) for sign, names in columns.items()}
    sign = max(_SEPARATORS, key=lambda candidate: len(found[candidate]))
    if not found[sign]:
        raise SourceError(
            f"{path.name}: geen enkele kolom heet als een veld van {entity.label}. Geef met --distributie-mapping de "
            "veldtoewijzing van dit bestand."
        )
    absent = [name for name in theirs.sleutel if name not in found[sign]]
    if absent:
        raise MappingError(path, [Problem("sleutel", f"kolom voor {name!r} ontbreekt.") for name in absent])
    return EntiteitMapping(
        sleutel=theirs.sleutel, velden=found[sign], aanlevering=Aanlevering(codering="utf-8", scheidingsteken=sign)
    )


def _present(*paths: Path) -> None:
    for path in paths:
        try:
            folder = S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceError(f"bestand {path} bestaat niet. Controleer de naam en de map.") from None
        except OSError as error:
            raise SourceError(f"bestand {path} is niet te openen. Controleer de naam en de rechten.") from error
        if folder:
            raise SourceError(f"{path} is een map. Noem een bestand.")


def _known_columns(names: list[str], entity: Entity) -> dict[str, Veld]:
    fields = {name: entity.by_label(name) for name in names}
    return {field.name: Veld(kolom=name) for name, field in fields.items() if field is not None}


def _header(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return stream.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path.name}: de koprij is geen UTF-8. Geef met --distributie-mapping de codering."
        ) from error
    except OSError as error:
        raise SourceError(f"{path.name}: het bestand is niet te openen. Controleer de rechten.") from error


def _entity_of(mapping: Mapping, entity: str) -> EntiteitMapping:
    if entity not in mapping.entiteit:
        known = ", ".join(mapping.entiteit)
        raise MappingError(mapping.path, [Problem(f"entiteit.{entity}", f"ontbreekt; dit bestand kent: {known}.")])
    return mapping.entiteit[entity]


def _refusal(error: OSError) -> str:
    match error:
        case FileExistsError() | NotADirectoryError():
            return "de map is niet te maken, er staat een bestand op die plaats"
        case PermissionError():
            return "in deze map mag niet worden geschreven"
        case _:
            return "de map is niet te maken of niet te beschrijven"


def _write(
    comparison: Comparison,
    afnemer: str,
    entity: str,
    day: date,
    out: Path,
    *,
    zone: str,
    remarks: dict[str, tuple[str, ...]],
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    facts = {
        "run_id": None,
        "afnemer": afnemer,
        "entity": entity,
        "cause": "onbekend",
        "cause_evidence": "",
        "status": "nieuw",
    }
    moment = pl.lit(as_utc(day, zone), dtype=pl.Datetime("us", "UTC"))
    record = comparison.findings.with_columns(
        *(
            pl.lit(value, dtype=pl.Int64 if name == "run_id" else pl.String).alias(name)
            for name, value in facts.items()
        ),
        *(moment.alias(name) for name in ("peildatum_distributie", "peildatum_afnemer", "first_seen")),
    ).select(RECORD)
    write_findings(record, out / "afwijkingen.csv", out / "afwijkingen.parquet")
    summary: dict[str, Any] = {
        "afnemer": afnemer,
        "entity": entity,
        "peildatum": day.isoformat(),
        "opmerkingen": remarks,
        "rijen": comparison.rows,
        "soorten": comparison.counts(),
        "velden": comparison.fields.to_dicts(),
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2)
    (out / "samenvatting.json").write_text(text + "\n", encoding="utf-8")
