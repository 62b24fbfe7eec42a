"""What leaves the house: terugmeldingen per register and keys to resend, filled in, private, and without a secret address."""

from __future__ import annotations

import json
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.main import app
from kmgb.errors import KmgbError
from kmgb.report.herzenden import RESENT, keys_to_resend
from kmgb.report.private import private_csv, write_private
from kmgb.report.steps import due
from kmgb.report.terugmelding import REGISTERS, WITHHELD, Doubts, meldingen, package, register_of, source_element
from kmgb.run.check import check
from kmgb.run.exports import export_herzenden, export_terugmeldingen
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings
from kmgb.store.life import LIFE_COLUMNS

CATALOGUE = load_catalogue()
NOW = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
DAY = date(2026, 11, 16)
ZONE = "Europe/Amsterdam"


def _found(*rows: dict[str, object]) -> pl.DataFrame:
    usual = {
        "id": 7, "key": "999900067", "key_field": "bsn", "field": "voornamen", "kind": "leeg_in_bron", "status": "open",
        "next_step": "terugmelden", "first_seen": datetime(2026, 11, 15, 23, 30),  # noqa: DTZ001 (UTC, as stored)
    }  # fmt: skip
    return pl.DataFrame([usual | row for row in rows], schema=LIFE_COLUMNS)


def _doubts(*rows: dict[str, object], titel: str = "Belastingen", run_id: int = 3, **more: object) -> Doubts:
    known = {"entity": "personen", "shielded": frozenset()} | more
    return Doubts(titel=titel, run_id=run_id, peildatum=DAY, findings=_found(*rows), **known)  # type: ignore[arg-type]


def test_a_melding_says_what_who_and_why() -> None:
    doubts = _doubts(
        {
            "kind": "ongeldig",
            "rule": "ongeldig:width:4",
            "field": "gemeentecode",
            "distributie": "99",
            "afnemer_value": "0363",
        }
    )
    assert meldingen([doubts], CATALOGUE).to_dicts() == [
        {
            "register": "BRP",
            "object": "personen",
            "sleutelveld": "bsn",
            "sleutel": "999900067",
            "veld": "gemeentecode",
            "element": "Gemeentecode",
            "bronelement": "LO BRP 08.09.10 gemeente van inschrijving",
            "betwijfelde_waarde": "99",
            "voorgestelde_waarde": "0363",
            "motivatie": "De waarde voldoet niet aan een controle: heeft niet het juiste aantal cijfers. Vastgesteld in "
            "de consistentiecontrole van Belastingen, run 3, peildatum 2026-11-16.",
            "afnemers": "Belastingen",
            "runs": "3",
            "peildatum": "2026-11-16",
            "afgeschermd": "nee",
            "bevindingen": "7",
        }
    ]  # fmt: skip


def test_applications_that_doubt_the_same_element_are_one_melding() -> None:
    one = _doubts({"afnemer_value": "Jan"})
    same, other = (_doubts({"afnemer_value": value, "id": 9}, titel="Zaaksysteem", run_id=4) for value in ("Jan", "Jo"))
    agreed = meldingen([one, same], CATALOGUE).row(0, named=True)
    assert (agreed["voorgestelde_waarde"], agreed["afnemers"]) == ("Jan", "Belastingen, Zaaksysteem")
    assert (agreed["runs"], agreed["bevindingen"]) == ("3, 4", "7, 9")
    contradicted = meldingen([one, other], CATALOGUE).row(0, named=True)
    assert contradicted["voorgestelde_waarde"] == ""
    assert "Afnemers noemen verschillende waarden" in contradicted["motivatie"]


@pytest.mark.parametrize(
    ("field", "shielded", "said", "shield"),
    [
        ("verblijfsadres", frozenset({"999900067"}), WITHHELD, "ja"),
        ("id_codes_verblijfadres.nummeraanduiding", frozenset({"999900067"}), WITHHELD, "ja"),
        ("correspondentieadres", frozenset({"999900067"}), WITHHELD, "ja"),
        ("verblijfsadres", None, WITHHELD, "onbekend"),
        ("voornamen", frozenset({"999900067"}), "Dorp 1", "ja"),
        ("verblijfsadres", frozenset({"999900079"}), "Dorp 1", "nee"),
    ],
)
def test_a_shielded_address_is_never_told(field: str, shielded: frozenset[str] | None, said: str, shield: str) -> None:
    doubts = _doubts({"field": field, "distributie": "Dorp 2", "afnemer_value": "Dorp 1"}, shielded=shielded)
    row = meldingen([doubts], CATALOGUE).row(0, named=True)
    assert (row["voorgestelde_waarde"], row["afgeschermd"]) == (said, shield)
    if said == WITHHELD:
        files = package(pl.DataFrame([row]), REGISTERS["brp"], NOW, "BRP-1")
        assert not any(b"Dorp" in content for content in files.values())


def test_one_application_that_knows_of_the_shield_is_enough() -> None:
    row = {"field": "verblijfsadres", "distributie": "Dorp 2", "afnemer_value": "Dorp 1"}
    doubts = [_doubts(row), _doubts(row, titel="Zaaksysteem", shielded=frozenset({"999900067"}))]
    assert meldingen(doubts, CATALOGUE)["betwijfelde_waarde"].to_list() == [WITHHELD]


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        ({}, True),
        ({"next_step": "herzenden"}, False),
        ({"next_step": None}, False),
        ({"key": "rij 17"}, False),
        ({"status": "geaccepteerd", "decision": 5}, False),
        ({"status": "onbekend", "decision": 5}, False),
        ({"status": "onbekend", "reference_state": "verzonden"}, False),
        ({"status": "teruggemeld", "reference_state": "verzonden"}, False),
        ({"status": "teruggemeld", "reference_state": "gereed"}, True),
        ({"status": "onbekend"}, True),
        ({"status": None}, True),
    ],
)
def test_what_is_decided_waits_no_more(changes: dict[str, object], waits: bool) -> None:
    assert due(_found(changes), "terugmelden").height == int(waits)


def test_a_whole_object_and_an_unreadable_value() -> None:
    rows = meldingen(
        [
            _doubts({"field": "", "kind": "overtollig", "afnemer_value": "999900067"}),
            _doubts({"kind": "ongeldig", "rule": "onleesbaar", "distributie_raw": "J4n?", "field": "geboortedatum"}),
            _doubts({"distributie_raw": " ", "afnemer_value": "Jan"}),
        ],
        CATALOGUE,
    )
    assert rows.select("element", "betwijfelde_waarde", "voorgestelde_waarde").rows() == [
        ("(het hele object)", "", ""),
        ("Geboortedatum", "J4n?", ""),
        ("Voornamen", "", "Jan"),
    ]


@pytest.mark.parametrize(
    ("entity", "field", "element"),
    [
        ("personen", "voornamen", "LO BRP 02.10"),
        ("personen", "voorletters", ""),
        ("personen", "id_codes_verblijfadres.adresseerbaar_object", "LO BRP 08.11.80 identificatiecode verblijfplaats"),
        ("personen", "id_codes_verblijfadres.nummeraanduiding", "LO BRP 08.11.90 identificatiecode nummeraanduiding"),
        ("pand", "bouwjaar_pand", "LV BAG extract XSD oorspronkelijkBouwjaar"),
        ("verblijfsobject", "gebruiksdoel_1", "Catalogus BAG 2018 par. 3.8"),
        ("nummeraanduiding", "postcode", "LV BAG extract XSD"),
        ("verblijfsobject", "adresnummer_bag", ""),
        ("nnp", "dossiernummer", "KVK API kvkNummer"),
        ("nnp", "vestigingsstatusindicator", ""),
    ],
)
def test_the_register_knows_the_element_by_its_own_name(entity: str, field: str, element: str) -> None:
    found = source_element(CATALOGUE[entity][field], REGISTERS[register_of(entity)])
    assert found == element


def test_every_entity_has_a_register() -> None:
    found = {name: register_of(name) for name in CATALOGUE.entities}
    assert found == {
        "personen": "brp", "nummeraanduiding": "bag", "verblijfsobject": "bag", "ligplaats": "bag",
        "standplaats": "bag", "pand": "bag", "nnp": "nhr",
    }  # fmt: skip


def test_a_key_is_sent_again_once_with_all_its_reasons() -> None:
    again = {"next_step": "herzenden"}
    found = _found(
        again | {"field": "voornamen", "kind": "afwijkend", "former_until": "2026-10-02", "cause": "niet_ontvangen"},
        again | {"field": "geslacht", "kind": "afwijkend", "former_until": "2026-10-01", "cause": "niet_ontvangen"},
        again | {"field": "datum_overlijden", "kind": "leeg_in_applicatie", "cause": "onbekend"},
        again | {"key": "999900079", "field": "", "kind": "ontbreekt", "cause": "niet_verzonden"},
        {"key": "999900080"},
    )
    rows = [
        ("999900067", "bsn", "personen", "leeg: Datum Overlijden; verouderd (niet ontvangen): Geslacht, Voornamen", "2026-10-01"),
        ("999900079", "bsn", "personen", "ontbreekt (niet verzonden)", "2026-11-16"),
    ]  # fmt: skip
    assert_frame_equal(keys_to_resend(found, CATALOGUE["personen"], ZONE), pl.DataFrame(rows, RESENT, orient="row"))


def test_a_spreadsheet_sees_no_formula_and_nobody_else_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "nieuw" / "lijst.csv"
    path.parent.mkdir()
    path.write_text("oud", encoding="utf-8")
    path.chmod(0o644)
    write_private(path, private_csv(pl.DataFrame({"key": ["=cmd|x", "-12,5", "+jan"]})))
    assert path.read_text(encoding="utf-8-sig") == "key\n'=cmd|x\n-12,5\n'+jan\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["lijst.csv"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "bezet").write_text("", encoding="utf-8")
    with pytest.raises(KmgbError, match=r"bezet/lijst\.csv: het bestand is niet te schrijven\."):
        write_private(tmp_path / "bezet" / "lijst.csv", b"")


_DISTRIBUTIE = """
[afnemer]
naam = "distributie"
titel = "Distributie"
rol = "distributie"
[entiteit.personen]
bestand = "distributie.csv"
sleutel = ["bsn"]
peildatum = 2026-11-16
velden = { bsn = "BSN", voornamen = "VN", verblijfsadres = "ADRES", indicatie_geheim = "GEHEIM", geslacht = "G" }
"""
_BELASTING = """
[afnemer]
naam = "belasting"
titel = "Belastingen"
[entiteit.personen]
bestand = "belasting.csv"
sleutel = ["bsn"]
peildatum = 2026-11-16
velden = { bsn = "BSN", voornamen = "VN", verblijfsadres = "ADRES", geslacht = "G" }
"""


@pytest.fixture
def town(tmp_path: Path) -> Municipality:
    """Two persons with an address that only the application has, one of them shielded; a third who is absent there."""
    for name, text in (("distributie", _DISTRIBUTIE), ("belasting", _BELASTING)):
        (tmp_path / "mappings").mkdir(exist_ok=True)
        (tmp_path / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "distributie.csv").write_text(
        "BSN,VN,ADRES,GEHEIM,G\n999900067,Jan,,7,M\n999900079,Piet,,0,M\n999900092,Ans,Kerkweg 3,0,V\n",
        encoding="utf-8",
    )
    (tmp_path / "belasting.csv").write_text(
        "BSN,VN,ADRES,G\n999900067,Jan,Geheimpad 1,M\n999900079,Piet,Kerkweg 2,M\n", encoding="utf-8"
    )
    settings = Settings(mappings=tmp_path / "mappings", dumps=tmp_path, data=tmp_path / "data")
    municipality = Municipality(settings)
    list(check(municipality, now=NOW))
    return municipality


def test_a_package_is_filled_private_and_marked_once(town: Municipality, tmp_path: Path) -> None:
    out = tmp_path / "uit"
    (written,) = export_terugmeldingen(town, out, ["brp", "bag"], "", who="A. Steward", now=NOW)
    assert (written.path, written.count, written.private, written.recorded) == (
        out / "terugmelding-brp.json",
        2,
        True,
        2,
    )
    assert sorted(path.name for path in out.iterdir()) == [f"terugmelding-brp.{end}" for end in ("csv", "json", "txt")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    document = json.loads(written.path.read_text(encoding="utf-8"))
    assert (document["register"], document["kenmerk"], document["aantal"]) == ("BRP", "BRP-20261116-070000", 2)
    told = [(one["sleutel"], one["voorgestelde_waarde"], one["afgeschermd"]) for one in document["meldingen"]]
    assert told == [("999900067", WITHHELD, "ja"), ("999900079", "Kerkweg 2", "nee")]
    assert not any("Geheimpad" in path.read_text(encoding="utf-8") for path in out.iterdir())
    later = NOW + timedelta(hours=1)
    (again,) = export_terugmeldingen(town, out, ["brp"], "belasting", who="A. Steward", now=later)
    findings = town.history.findings(town.history.newest()[0], later)
    marks = findings.filter(pl.col("reference").is_not_null()).select("reference", "reference_state")
    assert again.count == 2
    assert marks.rows() == [("BRP-20261116-080000", "gereed")] * 2


def test_a_trial_marks_nothing_and_what_was_sent_is_not_told_again(town: Municipality, tmp_path: Path) -> None:
    (trial,) = export_terugmeldingen(town, tmp_path / "proef", ["brp"], "", who="", now=NOW)
    assert trial.recorded == 0
    (stored,) = town.history.newest()
    findings = town.history.findings(stored, NOW)
    numbers = findings.filter(pl.col("kind") == "leeg_in_bron")["id"].to_list()
    town.history.decisions.report_back(numbers, reference="D-1", state="verzonden", who="A. Steward", now=NOW)
    assert export_terugmeldingen(town, tmp_path / "uit", ["brp"], "", who="", now=NOW) == []
    assert not (tmp_path / "uit").exists()


def test_without_the_aanlevering_every_address_is_withheld(town: Municipality, tmp_path: Path) -> None:
    for manifest in (tmp_path / "data" / "aanleveringen" / "distributie").rglob("manifest.json"):
        manifest.unlink()
    (written,) = export_terugmeldingen(town, tmp_path / "uit", ["brp"], "", who="", now=NOW)
    meldingen = json.loads(written.path.read_text(encoding="utf-8"))["meldingen"]
    assert {one["betwijfelde_waarde"] for one in meldingen} == {WITHHELD}


def test_keys_to_resend_are_those_of_one_application(town: Municipality, tmp_path: Path) -> None:
    written = export_herzenden(town, "belasting", tmp_path / "uit", now=NOW)
    assert written is not None
    assert (written.path.name, written.count, written.private) == ("herzenden-belasting.csv", 1, True)
    lines = written.path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "sleutel;sleutelveld;entiteit;waarom;sinds"
    assert lines[1].startswith("999900092;bsn;personen;ontbreekt")
    with pytest.raises(KmgbError, match="'belastingen' is geen afnemer"):
        export_herzenden(town, "belastingen", tmp_path / "uit", now=NOW)


def test_the_commands_say_where_and_how_private(
    town: Municipality, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mappings", "dumps", "data"):
        monkeypatch.setenv(f"KMGB_{name.upper()}", str(getattr(town.settings, name)))
    monkeypatch.chdir(tmp_path)
    export = ["terugmelding", "export", "--out", "uit", "--door", "A. Steward"]
    said = CliRunner().invoke(app, export)
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("uit/terugmelding-brp.json: 2 terugmeldingen, kenmerk BRP-")
    assert said.stdout.splitlines()[0].endswith("; 2 bevindingen staan nu op gereed.")
    assert "alleen u kunt het lezen (0600)" in said.stdout
    assert "9999" not in said.stdout
    assert CliRunner().invoke(app, [*export, "--register", "nhr"]).stdout == "Er is niets terug te melden.\n"
    resent = CliRunner().invoke(app, ["herzenden", "export", "belasting", "--out", "uit"])
    assert resent.stdout.startswith("uit/herzenden-belasting.csv: 1 sleutel.\n")
