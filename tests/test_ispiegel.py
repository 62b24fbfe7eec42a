"""Coming from i-Spiegel: what has a place becomes a mapping that is right, and the rest is listed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import SourceError
from kmgb.ispiegel.place import Imported, Remark, place
from kmgb.ispiegel.sources import connection
from kmgb.ispiegel.tables import Databron, read_tables
from kmgb.ispiegel.toml import toml_text
from kmgb.ispiegel.words import entity_of, field_of
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.normalise.text import decoder_table

CATALOGUE = load_catalogue()


def source(**facts: str) -> Databron:
    known = {
        "name": "BRP.Persoon.Eigen",
        "application": "Eigen BRP",
        "gemeente": "9999",
        "provider": "System.Data.SqlClient",
        "connection": "Server=tcp:db.example,1444;Initial Catalog=brp;User Id=lezer;Password=zeergeheim;",
        "query": "SELECT bsn FROM personen",
    }
    return Databron(**{**known, **facts})


def folder(tmp_path: Path, compare: str, *, reference: str = "BRP.Persoon.Eigen", active: str = "1") -> Path:
    head = '"DATABRONNAAM","APPLICATIENAAM","GEMEENTECODE","PROVIDER","CONNECTIONSTRING","QUERY"'
    rows = [
        '"BRP.Persoon.Eigen","Eigen BRP","9999","System.Data.SqlClient","Server=db;Database=brp;User Id=u;Password=zeergeheim","SELECT 1"',
        '"GD.Persoon.Eigen","Eigen gegevensdistributie","9999","Npgsql","Host=db;Database=gd","SELECT *\r\nFROM p\r\nWHERE a = \'x\'"',
        '"X.Hond.Eigen","Honden","9999","Npgsql","Host=db;Database=gd","SELECT 1"',
    ]
    (tmp_path / "ISPIEGEL_DATABRON.csv").write_bytes("\r\n".join([head, *rows, ""]).encode())
    quoted = compare.replace('"', '""')
    (tmp_path / "ISPIEGEL_VERGELIJKING.csv").write_text(
        '"VERGELIJKINGNAAM","REFERENTIEDATABRONNAAM","ANALYSEDATABRONNAAM","VELDTOEWIJZING","ACTIEF"\n'
        f'"v","{reference}","GD.Persoon.Eigen","{quoted}",{active}\n',
        encoding="utf-8",
    )
    return tmp_path


def compare(*fields: str, primary: str = "bsn") -> str:
    listed = "".join(f'<field name="{name}" reference-field="{name}" analysis-field="{name}_A"/>' for name in fields)
    return f'<compare primary="{primary}"><match id="alles">{listed}</match></compare>'


def placed(tmp_path: Path, text: str, **facts: str) -> Imported:
    return place(read_tables(folder(tmp_path, text, **facts)), CATALOGUE)


def test_both_sides_of_a_comparison_become_a_mapping(tmp_path: Path) -> None:
    got = placed(tmp_path, compare("bsn", "geslachtsnaam", "postcode", "huisnummer", "nummeraanduidingid"))
    assert list(got.files) == ["eigen-brp-register", "eigen-gegevensdistributie"]
    register, distributie = (tomllib.loads(text) for text in got.files.values())
    assert (register["afnemer"]["rol"], distributie["afnemer"]["rol"]) == ("register", "distributie")
    assert distributie["entiteit"]["personen"]["velden"] == {
        "bsn": "bsn_A",
        "geslachtsnaam_diacriet": "geslachtsnaam_A",
        "verblijfsadres": {"kolommen": {"postcode": "postcode_A", "huisnummer": "huisnummer_A"}},
        "id_codes_verblijfadres.nummeraanduiding": "nummeraanduidingid_A",
    }
    assert distributie["entiteit"]["personen"]["bron"] == {
        "soort": "database", "systeem": "postgresql", "server": "db", "database": "gd",
        "query": "SELECT *\nFROM p\nWHERE a = 'x'\n",
    }  # fmt: skip


def test_what_has_no_place_is_listed(tmp_path: Path) -> None:
    got = placed(tmp_path, compare("bsn", "schoenmaat"))
    assert [remark for remark in got.remarks if remark.unplaced] == [
        Remark("BRP.Persoon.Eigen", "veld 'schoenmaat' is geen veld van personen."),
        Remark("GD.Persoon.Eigen", "veld 'schoenmaat' is geen veld van personen."),
        Remark("X.Hond.Eigen", "wordt in geen vergelijking gebruikt; er is geen veldtoewijzing van gemaakt."),
    ]
    assert Remark("groep alles", "heet bij personen: identiteit.", unplaced=False) in got.remarks


@pytest.mark.parametrize(
    ("text", "facts", "about", "what"),
    [
        (compare("voorletters"), {}, "GD.Persoon.Eigen", "geen veldtoewijzing: er is geen kolom voor een sleutel van personen (a_nummer of bsn)."),
        (compare("bsn"), {"reference": "X.Hond.Eigen"}, "X.Hond.Eigen", "de naam zegt niet welke entiteit dit is (verwacht: BRP.Persoon..., BAG.Adres..., ...)."),
        (compare("bsn"), {"reference": "BAG.Adres.Weg"}, "vergelijking v", "noemt databron 'BAG.Adres.Weg', die niet in de tabel staat."),
        (compare("bsn"), {"reference": "BAG.Adres.Weg"}, "vergelijking v", "vergelijkt personen met nummeraanduiding. Dat is hier een kruiscontrole: zie docs/kruiscontroles.md."),
        (compare("bsn") + "<match/>", {}, "vergelijking v", "na de veldtoewijzing (XML) staat nog tekst; die is niet gelezen."),
        ("<compare", {}, "vergelijking v", "de veldtoewijzing (XML) is niet te lezen."),
        (compare("bsn"), {"active": "0"}, "vergelijking v", "stond in i-Spiegel uit; de veldtoewijzing is wel gemaakt."),
    ],
    ids=["no key", "no entity", "no source", "two entities", "rest", "no xml", "off"],
)  # fmt: skip
def test_a_person_is_told_what_to_do(tmp_path: Path, text: str, facts: dict[str, str], about: str, what: str) -> None:
    assert (about, what) in [(remark.about, remark.what) for remark in placed(tmp_path, text, **facts).remarks]


def test_no_password_comes_out(tmp_path: Path) -> None:
    got = placed(tmp_path, compare("bsn"))
    assert "zeergeheim" not in "".join([*got.files.values(), *(remark.what for remark in got.remarks)])
    assert 'wachtwoord = "ispiegel-brp-persoon-eigen"' in got.files["eigen-brp-register"]


def test_entities_in_somebody_elses_xml_are_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "geheim").write_text("verklapt")
    text = f'<!DOCTYPE c [<!ENTITY x SYSTEM "file://{tmp_path}/geheim">]>{compare("bsn")[:-10]}&x;</compare>'
    assert "verklapt" not in str(placed(tmp_path, text))


@pytest.mark.parametrize(
    ("facts", "bron"),
    [
        ({}, {"systeem": "sqlserver", "server": "db.example", "poort": 1444, "database": "brp", "gebruiker": "lezer"}),
        ({"provider": "System.Data.OracleClient", "connection": "Data Source=//ora:1521/brp.pdb;User Id=lezer"}, {"systeem": "oracle", "server": "ora", "poort": 1521, "database": "brp.pdb", "gebruiker": "lezer"}),
        ({"provider": "System.Data.OleDb", "connection": "Provider=SQLOLEDB;Data Source=db;Initial Catalog=brp"}, {"systeem": "sqlserver", "server": "db", "database": "brp"}),
        ({"provider": "System.Data.Odbc", "connection": "DSN=brp;Uid=lezer"}, {"systeem": "odbc", "opties": {"DSN": "brp"}, "gebruiker": "lezer"}),
        ({"provider": "MySql.Data.MySqlClient", "connection": "Server=db;Port=3307;Database=brp"}, {"systeem": "mariadb", "server": "db", "poort": 3307, "database": "brp"}),
    ],
    ids=["sql server", "oracle", "ole db", "odbc", "mariadb"],
)  # fmt: skip
def test_a_connection_becomes_a_bron(facts: dict[str, str], bron: dict[str, object]) -> None:
    found = connection(source(**facts)).bron
    assert found is not None
    secret = {"wachtwoord": "ispiegel-brp-persoon-eigen"} if "gebruiker" in bron else {}
    assert found == {"soort": "database", **bron, **secret, "query": "SELECT bsn FROM personen"}
    assert DatabaseBron.model_validate(found)


def test_what_kmgb_does_not_read_as_a_database_is_said() -> None:
    access = "Provider=Microsoft.ACE.OLEDB.12.0;Data Source=C:\\DemoData.accdb"
    found = connection(source(provider="System.Data.OleDb", connection=access))
    assert found.bron is None
    assert found.remarks[0].startswith("geen bron: kmgb kent dit Office- of tekstbestand niet als database.")
    assert connection(source(query="DELETE FROM p")).remarks == (
        "geen bron: de query moet met SELECT of WITH beginnen: kmgb leest alleen.",
    )


def test_a_table_of_which_everything_is_asked_is_named() -> None:
    found = connection(source(query="SELECT * FROM dbo.personen;")).bron
    assert found is not None
    assert found["tabel"] == "dbo.personen"


@pytest.mark.parametrize(
    ("name", "entity", "field"),
    [
        ("geheim", "personen", "indicatie_geheim"),
        ("BSN", "personen", "bsn"),
        ("openbareruimtenaam", "personen", "verblijfsadres/straat"),
        ("openbareruimtenaam", "nummeraanduiding", "naam_or"),
        ("adressseerbaarobjectid", "nummeraanduiding", "identificatie_tgo"),
        ("schoenmaat", "personen", ""),
    ],
)
def test_words_of_ispiegel(name: str, entity: str, field: str) -> None:
    assert field_of(name, CATALOGUE[entity]) == field


def test_every_word_is_a_field_of_the_catalogue() -> None:
    from kmgb.ispiegel.words import _FIELDS, ENTITIES

    assert set(ENTITIES.values()) == set(CATALOGUE.entities)
    strange = [
        (e, f) for e, words in _FIELDS.items() for f in words.values() if f.partition("/")[0] not in CATALOGUE[e]
    ]
    assert strange == []
    assert (entity_of("NHR.Vestiging.X"), entity_of("X.Hond.Y")) == ("nnp", "")


@pytest.mark.parametrize(
    "value",
    ["a\nb'", "a'''b\nc", "a\tb\n", "\x7f \"'\\", "één", "\nregel", "a\r\nb"],
)
def test_a_text_is_the_same_after_toml(value: str) -> None:
    document = {"a": {"b": {"c": {"een sleutel": value, "diep": {"x": [value]}}}, "leeg": {}}}
    assert tomllib.loads(toml_text(document))["a"]["b"] == document["a"]["b"]


def test_tables_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ISPIEGEL_DATABRON\.csv is er niet\. Exporteer"):
        read_tables(tmp_path)
    (tmp_path / "ISPIEGEL_DATABRON.csv").write_text("DATABRONNAAM\nx\n")
    (tmp_path / "ISPIEGEL_VERGELIJKING.csv").write_text("")
    with pytest.raises(SourceError, match="kolommen ontbreken: APPLICATIENAAM, PROVIDER, CONNECTIONSTRING, QUERY"):
        read_tables(tmp_path)


@pytest.mark.shared
def test_the_published_seed_is_placed(shared: Path, tmp_path: Path) -> None:
    for path in [*(shared / "data/ispiegel").glob("*.csv"), *(shared / "data/vergelijk").glob("ispiegel_*.csv")]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    got = place(read_tables(tmp_path), CATALOGUE)
    assert list(got.files) == [
        "ispiegel-demodata-register",
        "vicrea-bag-neuron-register",
        "centric-key2datadistributie",
        "centric-key2burgerzaken-register",
    ]
    documents = {naam: tomllib.loads(text) for naam, text in got.files.items()}
    sources = [plan.get("bron") for document in documents.values() for plan in document["entiteit"].values()]
    assert [bron and bron["systeem"] for bron in sources] == [None, "oracle", "oracle", "oracle", "oracle"]
    assert "password" not in "".join(got.files.values()).lower()
    # Oracle gives names in capitals; what no mapping could be made of is listed.
    assert documents["centric-key2burgerzaken-register"]["entiteit"]["personen"]["velden"]["bsn"] == "BSN"
    assert [remark.about for remark in got.remarks if remark.unplaced] == [
        "vergelijking BRP.Persoon-BAG.Adres",
        "BAG.Adres.DemoData",
        "BRP.Persoon.DemoData",
        "vergelijking GD.Adres-BAG.Adres",
        "BAG.Adres.Centric",
    ]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "decoder"),
    [("ispiegel_centric-ddsescape.csv", "centric"), ("ispiegel_html-entity-decimal.csv", "html")],
)
def test_every_letter_of_the_published_escape_tables_is_decoded(
    shared: Path, tmp_path: Path, file: str, decoder: str
) -> None:
    folder(tmp_path, compare("bsn"))
    (tmp_path / file).write_bytes((shared / "data/vergelijk" / file).read_bytes())
    (escapes,) = read_tables(tmp_path).escapes
    assert {written: decoder_table(decoder).get(written) for written, _ in escapes.pairs} == dict(escapes.pairs)
