"""Verouderd on published register data, through whole checks: every real former value, until the right day, and no other.

Which values are former ones is worked out from the raw files in plain Python.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from lxml import etree
from test_real_registers import (
    GBAV_2020,
    GBAV_2022,
    MUTATED,
    MUTATIES,
    REGISTERS,
    RESIDENCE,
    RUBRICS,
    UNEQUAL,
    Leaves,
    by_bsn,
    leaves,
    members,
    persons,
    value,
)

from kmgb.run.check import check
from kmgb.run.distributie import Distributie
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings

pytestmark = pytest.mark.shared
INVENTED = "Onbestaand"
Cell = tuple[str, str]


class Town:
    """A distribution that delivered twice, and an application that holds what it read from the first time."""

    def __init__(self, folder: Path, entity: str) -> None:
        self.folder, self.entity = folder, entity
        (folder / "mappings").mkdir()

    def mapping(self, register: str, name: str, role: str, dump: str) -> None:
        """One of the mappings of docs/registers, as that of this system; `dump` says which file it reads."""
        lines = (REGISTERS / f"{register}.toml").read_text(encoding="utf-8").splitlines()
        said = {"naam": f'naam = "{name}"', "rol": f'rol = "{role}"'}
        text = "\n".join(said.get(line.partition(" = ")[0], line) for line in lines)
        place = f"[entiteit.{self.entity}]\n"
        text = text.replace(place, f"{place}{dump}\n", 1)
        (self.folder / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")

    def municipality(self) -> Municipality:
        where = {name: self.folder / name for name in ("mappings", "dumps", "data")}
        return Municipality(Settings(**where, quarantine_drop=99.0))

    def lands(self, day: date) -> None:
        """The first delivery of the distribution."""
        municipality = self.municipality()
        now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        landed = Distributie(municipality, now).land(municipality.mappings["bron"], self.entity)
        assert landed.accepted, landed.manifest.reasons

    def checked(self, day: date) -> list[dict[str, str]]:
        """The findings of the second delivery, out of the history."""
        municipality = self.municipality()
        (result,) = check(
            municipality, ["app"], [self.entity], now=datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        )
        assert result.run_id is not None, result.reasons
        stored = municipality.history.run(result.run_id)
        assert (stored.status, stored.facts["warnings"]) == ("gereed", [])
        return municipality.history.findings(stored).to_dicts()


def _former(findings: list[dict[str, str]]) -> dict[Cell, str | None]:
    return {(row["key"], row["field"]): row["former_until"] for row in findings if row["kind"] in UNEQUAL}


def _rows(findings: list[dict[str, str]], kind: str) -> dict[str, str | None]:
    return {row["key"]: row["former_until"] for row in findings if row["kind"] == kind}


def _dump(file: str, day: date) -> str:
    return f'bestand = "{file}"\npeildatum = {day.isoformat()}'


# Persons

FIRST, SECOND = date(2020, 5, 2), date(2022, 5, 2)


def _with_invented_names(source: Path, target: Path) -> None:
    """The edition of 2020, in which every fifth person has given names that nobody ever had."""
    rows = list(csv.reader(io.StringIO(source.read_text(encoding="utf-8-sig"))))
    name, of_person = rows[0].index("01.02.10"), [row for row in rows[1:] if row[rows[0].index("01.01.20")]]
    for row in of_person[::5]:
        row[name] = INVENTED if row[name] else ""
    with target.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_person_lists_of_2020_beside_those_of_2022(shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "data/brp", tmp_path / "dumps/brp")
    app = tmp_path / "dumps/app.csv"
    _with_invented_names(shared / "data" / GBAV_2020, app)
    town = Town(tmp_path, "personen")
    town.mapping("personen_gbav_2020", "bron", "distributie", _dump(GBAV_2020, FIRST))
    town.lands(FIRST)
    town.mapping("personen_gbav_2022", "bron", "distributie", _dump(GBAV_2022, SECOND))
    town.mapping("personen_gbav_2020", "app", "afnemer", _dump(app.name, SECOND))
    findings = town.checked(SECOND)
    old, new = persons(shared / "data" / GBAV_2020, ","), persons(shared / "data" / GBAV_2022, ";")
    held, before, after = by_bsn(persons(app, ",")), by_bsn(old), by_bsn(new)
    expected: dict[Cell, str | None] = {}
    for bsn in before.keys() & after.keys():
        for field, rubric in (RUBRICS | RESIDENCE).items():
            theirs, then, now = (value(side[bsn], field, rubric) for side in (held, before, after))
            if theirs != now:
                expected[bsn, field] = FIRST.isoformat() if theirs == then else None
    found = {
        cell: day for cell, day in _former(findings).items() if cell[0] in before and cell[1] in RUBRICS | RESIDENCE
    }
    assert found == expected
    assert Counter(expected.values())[None] > 3 < Counter(expected.values())[FIRST.isoformat()]
    by_hand = {row["cause"] for row in findings if row["afnemer_value"] == INVENTED}
    assert by_hand.isdisjoint({"niet_verzonden", "niet_ontvangen", "onderweg"})
    gone = {bsn for bsn in before if bsn not in {person["01.01.20"] for person in new}}
    came = {bsn for bsn in after if bsn not in {person["01.01.20"] for person in old}}
    for kind, keys in (("overtollig", gone), ("ontbreekt", came)):
        rows = _rows(findings, kind)
        assert rows == {key: FIRST.isoformat() if key in keys else None for key in rows}


# BAG

WAS, NEW = date(2021, 11, 13), date(2021, 11, 14)


@pytest.mark.parametrize(("entity", "code", "record", "fields"), MUTATED, ids=[row[0] for row in MUTATED])
def test_objects_as_they_were_before_the_national_mutation_file(
    shared: Path, tmp_path: Path, entity: str, code: str, record: str, fields: dict[str, str]
) -> None:
    source, dumps = shared / "data" / MUTATIES, tmp_path / "dumps"
    dumps.mkdir()
    town = Town(tmp_path, entity)
    # One mapping for both deliveries: in a file with nothing but changes, another one would be the likelier reason.
    by_name = "bestand = '{}_*.xml'\npeildatum_uit_naam = '(\\d{{8}})'"
    town.mapping("bag_mutaties_was", "bron", "distributie", by_name.format("bron"))
    town.mapping("bag_mutaties_was", "app", "afnemer", by_name.format("app"))
    _objects(source, dumps / f"bron_{WAS:%Y%m%d}.xml", new=False)
    town.lands(WAS)
    _objects(source, dumps / f"bron_{NEW:%Y%m%d}.xml", new=True)
    _objects(source, dumps / f"app_{NEW:%Y%m%d}.xml", new=False)
    findings = town.checked(NEW)
    before, after, twice = _single(source, record)
    plain_text = {name: leaf for name, leaf in fields.items() if "gebruiksdoel" not in name}
    expected = {
        (key, name): WAS.isoformat()
        for key in (before.keys() & after.keys()) - twice
        for name, leaf in plain_text.items()
        if before[key].get(leaf, "") != after[key].get(leaf, "")
    }
    assert {cell: day for cell, day in _former(findings).items() if cell[1] in plain_text} == expected
    assert expected
    for kind, keys in (("overtollig", before.keys() - after.keys()), ("ontbreekt", after.keys() - before.keys())):
        rows = _rows(findings, kind)
        assert rows == {key: WAS.isoformat() for key in keys - twice}


def _objects(source: Path, target: Path, *, new: bool) -> None:
    """The mutation file as a delivery of the objects as they were before it, or as they are after it."""
    root = etree.fromstring(next(members(source)))
    if new:
        for was in root.findall(".//{*}was"):
            was.tag = etree.QName(was, "voorheen")
        for now in root.findall(".//{*}toevoeging/{*}wordt"):
            now.tag = etree.QName(now, "was")
    target.write_bytes(etree.tostring(root))


def _single(source: Path, record: str) -> tuple[dict[str, Leaves], dict[str, Leaves], set[str]]:
    """The objects before and after, and the keys that stand on a side more than once."""
    root = etree.fromstring(next(members(source)))
    sides = [
        [leaves(element) for element in root.iterfind(f".//{{*}}{path}/{{*}}bagObject/{{*}}{record}")]
        for path in ("was", "toevoeging/{*}wordt")
    ]
    counts = [Counter(one["identificatie"] for one in side) for side in sides]
    twice = {key for count in counts for key, times in count.items() if times > 1}
    before, after = ({one["identificatie"]: one for one in side} for side in sides)
    return before, after, twice
