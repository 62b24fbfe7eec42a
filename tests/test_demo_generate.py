"""The invented municipality: repeatable, valid, consistent, and its list of planted faults complete."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from stdnum.nl import bsn as stdnum_bsn

from kmgb.catalogue.checks import a_nummer_test
from kmgb.catalogue.fields import load_catalogue
from kmgb.compare.kinds import Kind
from kmgb.demo.generate import Planted, generate
from kmgb.demo.numbers import a_nummers, bsns, rsins, spare_bsns, spoiled
from kmgb.mapping.load import load_mappings
from kmgb.run.outcome import compare_prepared
from kmgb.run.plan import comparison_plan
from kmgb.run.prepare import Prepared, prepare
from kmgb.sources.delivered import Limits
from kmgb.sources.read import read

ROOT = Path(__file__).parent.parent
CATALOGUE = load_catalogue()
MAPPINGS = load_mappings(ROOT / "mappings", CATALOGUE)
DAY = date(2026, 11, 16)
CHECKS = [(name, entity) for name, m in MAPPINGS.items() if name != "distributie" for entity in m.entiteit]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return generate(tmp_path_factory.mktemp("dumps"))


def _source(planted: Planted, entity: str, day: str = "20261116") -> pl.DataFrame:
    frame = pl.read_csv(planted.folder / f"distributie_{entity}_{day}.csv", separator=";", infer_schema=False)
    return frame.rename(lambda name: name.partition("_")[2].lower())


def _prepared(folder: Path, scratch: Path, afnemer: str, entity: str, key: tuple[str, ...]) -> Prepared:
    mapping = MAPPINGS[afnemer].entiteit[entity]
    needed = {column for veld in (*mapping.velden.values(), *mapping.hulp.values()) for column in veld.columns}
    path = max(folder.glob(mapping.bestand))
    delivered = read(path, mapping.aanlevering, needed, Limits(), scratch / afnemer)
    assert needed <= set(delivered.columns)
    return prepare(delivered.frame, mapping, CATALOGUE[entity], CATALOGUE, key=key, history=False, day=DAY)


def _found(folder: Path, scratch: Path, afnemer: str, entity: str) -> pl.DataFrame:
    ours, theirs = MAPPINGS["distributie"].entiteit[entity], MAPPINGS[afnemer].entiteit[entity]
    left = _prepared(folder, scratch, "distributie", entity, theirs.sleutel)
    right = _prepared(folder, scratch, afnemer, entity, theirs.sleutel)
    plan = comparison_plan(CATALOGUE, CATALOGUE[entity], ours, theirs, DAY)
    return compare_prepared(left, right, plan).findings.select("key", pl.col("field", "rule").fill_null(""), "kind")


def test_sample_dumps_are_what_the_generator_makes(planted: Planted) -> None:
    kept = {path.name for path in (ROOT / "sample_dumps").iterdir()} - {"LEESMIJ.md", ".gitattributes"}
    assert kept == {path.name for path in planted.files}
    for path in planted.files:
        assert path.read_bytes() == (ROOT / "sample_dumps" / path.name).read_bytes(), path.name


def test_sample_dumps_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "sample_dumps").iterdir()) < 2_000_000


def test_another_seed_is_another_municipality(planted: Planted, tmp_path: Path) -> None:
    other = generate(tmp_path, seed=1)
    assert other.findings.columns == planted.findings.columns
    assert not other.findings.equals(planted.findings)


@pytest.mark.parametrize(("afnemer", "entity"), CHECKS, ids=[f"{a}-{e}" for a, e in CHECKS])
def test_comparison_reports_the_planted_list_and_nothing_else(
    planted: Planted, tmp_path: Path, afnemer: str, entity: str
) -> None:
    found = _found(planted.folder, tmp_path, afnemer, entity)
    mine = planted.findings.filter(pl.col("afnemer") == afnemer, pl.col("entity") == entity)
    assert sorted(mine.select("key", "field", "kind").rows()) == sorted(found.select("key", "field", "kind").rows())
    ruled = mine.filter(pl.col("rule") != "").select("key", "field", "kind", "rule").rows()
    assert set(ruled) <= set(found.select("key", "field", "kind", "rule").rows())


def test_swapped_columns_differ_in_nearly_every_row(tmp_path: Path) -> None:
    planted = generate(tmp_path / "dumps", swapped_columns=True)
    mine = planted.findings.filter(pl.col("afnemer") == "belasting")
    found = _found(planted.folder, tmp_path, "belasting", "personen")
    assert sorted(mine.select("key", "field", "kind").rows()) == sorted(found.select("key", "field", "kind").rows())
    assert mine.filter(pl.col("cause") == "veldtoewijzing")["field"].unique().sort().to_list() == [
        "datum_ingang_adreshouding",
        "datum_inschrijving",
    ]


def test_every_kind_and_cause_is_planted(planted: Planted) -> None:
    assert set(planted.findings["kind"]) == {kind.value for kind in Kind}
    causes = {"niet_verzonden", "niet_ontvangen", "formaat", "handmatig", "onderweg", "tabelwijziging"}
    assert set(planted.findings["cause"]) == {"", "bron_in_onderzoek", *causes}


def test_no_cell_has_two_faults_and_an_absent_row_no_other(planted: Planted) -> None:
    where = ["afnemer", "entity", "key"]
    assert not planted.findings.select(*where, "field").is_duplicated().any()
    alone = planted.findings.filter(pl.col("kind").is_in(["ontbreekt", "dubbel"]))
    assert alone.select(where).join(planted.findings, on=where).height == alone.height


def test_identifying_numbers_pass_their_own_checks(planted: Planted) -> None:
    persons, nnp = _source(planted, "personen"), _source(planted, "nnp")
    assert all(map(stdnum_bsn.is_valid, persons["bsn"]))
    assert all(map(stdnum_bsn.is_valid, nnp["rsin"].drop_nulls()))
    assert persons.select(a_nummer_test(pl.col("a_nummer")).all()).item()
    assert persons["bsn"].is_unique().all()
    assert persons["a_nummer"].is_unique().all()
    assert nnp["vestigingsnummer"].drop_nulls().str.contains("^0000[0-9]{8}$").all()


@pytest.mark.parametrize("count", [400, 20_000], ids=["test series", "large"])
def test_numbers_are_valid_and_different_at_any_size(count: int) -> None:
    every = [*bsns(count), *spare_bsns(50), *rsins(count)]
    assert len(set(every)) == len(every)
    assert all(map(stdnum_bsn.is_valid, every))
    assert not stdnum_bsn.is_valid(spoiled(every[0]))
    assert len(set(a_nummers(count))) == count


def test_persons_live_at_addresses_that_exist(planted: Planted) -> None:
    persons, num = _source(planted, "personen"), _source(planted, "nummeraanduiding")
    current = num.filter(pl.col("datum_einde").is_null(), pl.col("datum_einde_geldigheid").is_null())
    pairs = current.select(
        id_codes_verblijfadres_nummeraanduiding="identificatie_nummeraanduiding",
        id_codes_verblijfadres_adresseerbaar_object="identificatie_tgo",
        verblijfsadres_postcode="postcode",
        verblijfsadres_huisnummer="huisnummer",
    )
    living = persons.filter(pl.col("id_codes_verblijfadres_nummeraanduiding").is_not_null())
    assert living.height > 300
    assert living.join(pairs, on=pairs.columns, how="anti").is_empty()


@pytest.mark.parametrize(("entity", "kind"), [("verblijfsobject", "01"), ("ligplaats", "02"), ("standplaats", "03")])
def test_objects_and_their_hoofdadres_name_each_other(planted: Planted, entity: str, kind: str) -> None:
    objects, num = _source(planted, entity), _source(planted, "nummeraanduiding")
    assert objects[f"id_{entity}"].str.contains(f"^0998{kind}[0-9]{{10}}$").all()
    main = num.filter(pl.col("indicatie_hoofdadres") == "J").select(
        id_hoofdadres="identificatie_nummeraanduiding", **{f"id_{entity}": pl.col("identificatie_tgo")}
    )
    assert objects.join(main, on=["id_hoofdadres", f"id_{entity}"], how="anti").is_empty()
    assert num.filter(pl.col("indicatie_hoofdadres") == "N").height > 0


def test_voorkomens_follow_each_other(planted: Planted) -> None:
    pand = _source(planted, "pand").filter(pl.col("indicatie_actief") == "J")
    ordered = pand.sort("id_pand", "datum_begin_geldigheid_cyclus")
    following = pl.col("datum_begin_geldigheid_cyclus").shift(-1).over("id_pand")
    assert ordered.select(pl.col("datum_einde_geldigheid_cyclus").eq_missing(following).all()).item()
    assert pand["id_pand"].is_duplicated().any()


def test_something_changes_between_the_peildatums(planted: Planted) -> None:
    first, last = _source(planted, "personen", "20261102"), _source(planted, "personen")
    both = first.join(last, on="bsn", suffix="_nu")
    moved = both.filter(pl.col("datum_ingang_adreshouding") != pl.col("datum_ingang_adreshouding_nu"))
    died = both.filter(pl.col("datum_overlijden").is_null(), pl.col("datum_overlijden_nu").is_not_null())
    assert moved.height > 20
    assert died.height == 9
    assert last.join(first, on="bsn", how="anti").height == 12
    assert first.join(last, on="bsn", how="anti").height == 4
