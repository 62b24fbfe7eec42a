"""A municipality in which a base register is delivered too: at which hop a value broke, and who is first to act."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import MappingError
from kmgb.mapping.load import parse_mapping
from kmgb.run.check import check
from kmgb.run.coverage_matrix import coverage_matrix, expected_afnemers
from kmgb.run.exports import export_terugmeldingen
from kmgb.run.municipality import Municipality
from kmgb.run.publish import publish_overview, publish_run
from kmgb.run.replay import replay
from kmgb.run.result import Result
from kmgb.settings import Settings
from kmgb.store.suppression import Pattern

NOW = datetime(2026, 11, 16, 7, tzinfo=UTC)
REGISTERS = Path(__file__).parents[1] / "docs" / "registers"
TEMPLATES = Path(__file__).parents[1] / "reports"

_MAPPING = """
[afnemer]
naam = "{naam}"
titel = "{titel}"
rol = "{rol}"
[entiteit.personen]
bestand = "{naam}_*.csv"
sleutel = ["bsn"]
bandbreedte = 100
peildatum_uit_naam = '(\\d{{8}})'
velden = {{ bsn = "BSN", voornamen = "VN", geslacht = "G", gemeentecode = "GEM" }}
"""
_PARTIES = (("brp", "BRP-export", "register"), ("mks", "Distributie", "distributie"), ("app", "App", "afnemer"))
# Of each of these persons one value is another at one of the three parties; the comment says which hop broke.
_REGISTER = """BSN,VN,G,GEM
999900067,Jan,M,0796
999900079,Piet,M,0796
999900092,Ans,V,0796
999900109,Eva,V,0796
999900110,Kees,M,0796
999900122,Noor,V,0796
"""
_DISTRIBUTIE = (
    _REGISTER.replace("Jan,M", "Jam,M")  # before, and the application has the register's
    .replace("Ans,V", "Anna,V")  # both
    .replace("999900109,Eva,V,0796\n", "")  # before: a row that the application has
    .replace("Noor,V", "Nora,V")  # before, and the application follows
)
_APP = (
    _REGISTER.replace("Piet,M", "Pit,M")  # after
    .replace("Ans,V", "Antje,V")
    .replace("999900110,Kees,M,0796\n", "")  # after: a row
    .replace("Noor,V", "Nora,V")
)


@pytest.fixture
def town(tmp_path: Path) -> Municipality:
    (tmp_path / "mappings").mkdir()
    for naam, titel, rol in _PARTIES:
        text = _MAPPING.format(naam=naam, titel=titel, rol=rol)
        (tmp_path / "mappings" / f"{naam}.toml").write_text(text, encoding="utf-8")
    for naam, text in (("brp", _REGISTER), ("mks", _DISTRIBUTIE), ("app", _APP)):
        deliver(tmp_path, naam, text)
    return opened(tmp_path)


def opened(folder: Path) -> Municipality:
    settings = {"mappings": folder / "mappings", "dumps": folder, "data": folder / "data", "output": folder / "uit"}
    return Municipality(Settings(templates=TEMPLATES, **settings))


def deliver(folder: Path, naam: str, text: str, day: str = "20261116") -> None:
    (folder / f"{naam}_{day}.csv").write_text(text, encoding="utf-8")


def results(municipality: Municipality, now: datetime = NOW) -> dict[str, Result]:
    return {result.afnemer: result for result in check(municipality, now=now)}


def found(result: Result) -> pl.DataFrame:
    assert result.comparison is not None, result.reasons
    return result.comparison.findings


def told(result: Result) -> list[tuple[str, str, str | None, str]]:
    return found(result).select("key", "field", "hop", "next_step").rows()


def test_every_finding_says_at_which_hop_it_broke(town: Municipality) -> None:
    assert told(results(town)["app"]) == [
        ("999900067", "voornamen", "register_distributie", "herstellen_distributie"),
        ("999900079", "voornamen", "distributie_applicatie", "herstellen_applicatie"),
        ("999900092", "voornamen", "beide", "herstellen_distributie"),
        ("999900109", "", "register_distributie", "herstellen_distributie"),
        ("999900110", "", "distributie_applicatie", "herzenden"),
    ]


def test_the_evidence_ends_with_the_chain_and_is_kept(town: Municipality) -> None:
    results(town)
    (run,) = town.history.runs("app")
    ends = [evidence.partition("Keten: ")[2] for evidence in town.history.findings(run)["cause_evidence"]]
    register = "het register (BRP-export, 2026-11-16)"
    assert ends[:3] == [
        f"het brak bij de stap register -> distributie; de applicatie heeft wat {register} heeft. Herstel alleen de "
        "distributie.",
        f"het brak bij de stap distributie -> applicatie; tussen {register} en de distributie is geen verschil gevonden.",
        f"het brak bij beide stappen, register -> distributie en distributie -> applicatie; {register}, de distributie "
        "en de applicatie verschillen alle drie. Herstel eerst de distributie.",
    ]
    assert not any(name in end for name in ("Jan", "Jam", "Piet", "Ans") for end in ends)


def test_the_register_is_a_controle_under_its_own_name(town: Municipality) -> None:
    result = results(town)["brp"]
    assert found(result).select("key", "field", "kind", "next_step").rows() == [
        ("999900067", "voornamen", "afwijkend", "herstellen_distributie"),
        ("999900092", "voornamen", "afwijkend", "herstellen_distributie"),
        ("999900109", "", "ontbreekt", "herstellen_distributie"),
        ("999900122", "voornamen", "afwijkend", "herstellen_distributie"),
    ]
    (run,) = town.history.runs("brp")
    assert (run.id, run.status, run.facts["titel"]) == (result.run_id, "gereed", "BRP-export")
    assert [town.history.delivery(number).afnemer for number in (run.distributie_id, run.afnemer_id)] == ["brp", "mks"]
    assert town.history.findings(run).height == 4
    assert publish_run(town, run.id).exists()


def test_both_hops_can_be_done_again(town: Municipality) -> None:
    results(town)
    runs = town.history.runs()
    assert sorted(run.afnemer for run in runs) == ["app", "brp"]
    assert [(again.equal, again.found) for again in (replay(town, run.id) for run in runs)] == [
        (True, run.outcome["total"]) for run in runs
    ]


def test_what_was_mended_in_the_distribution_is_solved_under_both_names(town: Municipality) -> None:
    results(town)
    later = _REGISTER + "999900146,Bo,M,0796\n"
    for naam in ("mks", "brp"):
        deliver(town.settings.dumps, naam, later, "20261117")
    after = results(town, NOW.replace(day=17))
    assert (after["brp"].changes.solved, after["brp"].findings) == (4, 0)
    assert {row[2] for row in told(after["app"])} == {"distributie_applicatie"}


def test_a_register_is_no_afnemer(town: Municipality) -> None:
    results(town)
    assert town.afnemers == expected_afnemers(town) == ("app",)
    assert set(coverage_matrix(town, NOW.date())["afnemer"]) == {"app"}
    assert "zonder controle" not in publish_overview(town, NOW).read_text(encoding="utf-8")


def test_what_the_register_and_the_distribution_share_can_be_reported_back(town: Municipality, tmp_path: Path) -> None:
    for naam, text in (("brp", _REGISTER), ("mks", _DISTRIBUTIE), ("app", _APP)):
        deliver(tmp_path, naam, text.replace("Kees,M,0796", "Kees,M,12345"))
    run = results(town)["brp"]
    assert ("999900110", "gemeentecode", "ongeldig", "terugmelden") in found(run).select(
        "key", "field", "kind", "next_step"
    ).rows()
    (written,) = export_terugmeldingen(town, tmp_path / "uit", ["brp"], "", who="", now=NOW)
    assert written.count == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [(None, "mislukt"), ("", "quarantaine"), ("BSN,VN,G,GEM\n", "quarantaine"), ("SOFI,VN\n1,x\n", "quarantaine")],
    ids=["absent", "empty", "only a header", "other columns"],
)
def test_a_register_that_fails_stops_nobody(town: Municipality, content: str | None, status: str) -> None:
    path = town.settings.dumps / "brp_20261116.csv"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    ended = results(town)
    assert (ended["brp"].status, ended["app"].status) == (status, "gereed")
    assert {row[2] for row in told(ended["app"])} == {None}
    assert "Keten" not in "".join(found(ended["app"])["cause_evidence"])


def test_without_a_register_there_is_no_hop(town: Municipality) -> None:
    (town.settings.mappings / "brp.toml").unlink()
    ended = results(town)
    assert set(ended) == {"app"}
    assert {row[2] for row in told(ended["app"])} == {None}


def test_a_field_that_the_register_does_not_deliver_has_no_hop(town: Municipality) -> None:
    path = town.settings.mappings / "brp.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('voornamen = "VN", ', ""), encoding="utf-8")
    assert [row[2] for row in told(results(town)["app"])] == [
        None, None, None, "register_distributie", "distributie_applicatie",
    ]  # fmt: skip


def test_rows_outside_what_the_register_delivers_have_no_hop(town: Municipality) -> None:
    path = town.settings.mappings / "brp.toml"
    population = (
        'populatie = { distributie = "geslacht = \'M\'", applicatie = "geslacht = \'M\'", omschrijving = "M" }\n'
    )
    path.write_text(path.read_text(encoding="utf-8").replace("velden =", population + "velden ="), encoding="utf-8")
    ended = results(town)
    assert found(ended["brp"])["key"].to_list() == ["999900067"]
    assert {row[0]: row[2] for row in told(ended["app"])} == {
        "999900067": "register_distributie",
        "999900079": "distributie_applicatie",
        "999900092": None,
        "999900109": None,
        "999900110": "distributie_applicatie",
    }


def test_another_peildatum_without_a_log_says_nothing(town: Municipality) -> None:
    (town.settings.dumps / "brp_20261116.csv").unlink()
    deliver(town.settings.dumps, "brp", _REGISTER, "20261115")
    ended = results(town)
    assert ended["brp"].warnings == (
        "brp, personen: de peildatum is niet die van de distributie, en het mutatielog kent niet elke wijziging "
        "daartussen. Bij welke stap een waarde brak, is daarom niet gezegd. Lever beide met dezelfde peildatum aan.",
    )
    assert {row[2] for row in told(ended["app"])} == {None}


def test_what_changed_between_the_peildatums_has_no_hop(town: Municipality) -> None:
    deliver(town.settings.dumps, "mks", _DISTRIBUTIE, "20261109")
    (town.settings.dumps / "mks_20261116.csv").unlink()
    (town.settings.dumps / "brp_20261116.csv").unlink()
    deliver(town.settings.dumps, "brp", _REGISTER, "20261109")
    results(town)
    deliver(town.settings.dumps, "mks", _DISTRIBUTIE.replace("Piet", "Peter"))
    assert {row[0]: row[2] for row in told(results(town)["app"])} == {
        "999900067": "register_distributie",
        "999900079": None,
        "999900092": "beide",
        "999900109": "register_distributie",
        "999900110": "distributie_applicatie",
    }


def test_a_change_on_its_way_to_the_distribution_is_no_break(town: Municipality) -> None:
    results(town)
    deliver(town.settings.dumps, "brp", _REGISTER.replace("Piet", "Peter"), "20261117")
    ended = results(town, NOW.replace(day=17))
    (on_its_way,) = found(ended["brp"]).filter(key="999900079").to_dicts()
    assert (on_its_way["cause"], on_its_way["next_step"]) == ("onderweg", "wachten")
    assert "de distributie heeft nog wat daarvoor gold" in on_its_way["cause_evidence"]
    assert "applicatie" not in on_its_way["cause_evidence"]
    hops = {row[0]: row[2] for row in told(ended["app"])}
    assert (hops["999900067"], hops["999900079"]) == ("register_distributie", None)


def test_an_application_with_another_key_has_no_hop(town: Municipality) -> None:
    path = town.settings.mappings / "app.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"bsn"', '"voornamen"'), encoding="utf-8")
    findings = found(results(town)["app"])
    assert findings.height > 0
    assert set(findings["hop"]) == {None}


def test_findings_of_a_register_can_be_decided_on_by_pattern(town: Municipality) -> None:
    results(town)
    assert town.controle("brp").naam == "brp"
    preview = town.history.decisions.suppression_preview(Pattern("brp", "personen", field="voornamen"))
    assert preview.today == {"normaal": 3}


def test_a_register_delivers_all_its_rows() -> None:
    text = _MAPPING.format(naam="brp", titel="BRP", rol="register").replace("velden =", "volledig = false\nvelden =")
    with pytest.raises(MappingError, match=r"entiteit\.personen\.volledig: een register levert al zijn rijen\."):
        parse_mapping(text.encode(), Path("brp.toml"), load_catalogue())


def test_a_register_without_the_key_of_the_distribution_is_told(town: Municipality) -> None:
    path = town.settings.mappings / "brp.toml"
    text = path.read_text(encoding="utf-8").replace('"bsn"', '"voornamen"').replace('bsn = "BSN", ', "")
    path.write_text(text, encoding="utf-8")
    (reason,) = results(town)["brp"].reasons
    assert "'bsn' ontbreekt, en daarmee wijst de distributie een rij aan." in reason


# On published data: the same edition is the register and, with values changed, the distribution.

GBAV, HAAL_CENTRAAL = "gbav_testset_20220502_deelA.csv", "haalcentraal_v1_2021_deelA.zip"
WEESP = "bag/weesp/0457PND15102021_deelA.zip"
_NAME, _SEX, _BSN = "01.02.10", "01.04.10", "01.01.20"


@pytest.mark.shared
def test_published_persons_with_differences_in_the_distribution(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "brp"
    (tmp_path / "brp").mkdir()
    (tmp_path / "mappings").mkdir()
    for name in (GBAV, HAAL_CENTRAAL):
        (tmp_path / "brp" / name).symlink_to(source / name)
    planted = _planted(source / GBAV, tmp_path / "brp" / "distributie.csv")
    gbav = (REGISTERS / "personen_gbav_2022_haalcentraal.toml").read_text(encoding="utf-8")
    _write(tmp_path, "register", gbav.replace('"distributie"', '"register"'), GBAV)
    _write(
        tmp_path, "distributie", gbav.replace("_haalcentraal", "_x").replace(GBAV, "distributie.csv"), "distributie.csv"
    )
    _write(tmp_path, "app", (REGISTERS / "personen_haalcentraal_2021.toml").read_text(encoding="utf-8"), HAAL_CENTRAAL)
    ended = list(check(opened(tmp_path), now=NOW))
    register, app = (found(next(one for one in ended if one.afnemer.startswith(name))) for name in ("gbav", "haal"))
    unlike = register.filter(pl.col("kind").is_in(["afwijkend", "leeg_in_applicatie", "leeg_in_bron", "cosmetisch"]))
    assert set(unlike.select("key", "field").iter_rows()) == planted
    broken = app.filter(pl.col("hop").is_in(["register_distributie", "beide"]))
    assert set(broken.select("key", "field").iter_rows()) <= planted
    restored = broken.filter(hop="register_distributie", kind="afwijkend")
    assert restored.height > 10
    assert set(restored["next_step"]) == {"herstellen_distributie"}
    differing = app.filter(pl.col("kind").is_in(["afwijkend", "leeg_in_applicatie", "leeg_in_bron"]))
    hops = {(key, field): hop for key, field, hop in differing.select("key", "field", "hop").iter_rows()}
    cells = {cell for cell in hops if cell[1] in ("voornamen", "geslacht", "voorvoegsel")}
    assert {hops[cell] for cell in cells - planted} == {"distributie_applicatie"}


@pytest.mark.shared
def test_published_panden_of_an_application_that_missed_every_change(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    (tmp_path / "mappings").mkdir()
    for naam, rol in (("register", "register"), ("distributie", "distributie"), ("app", "afnemer")):
        (tmp_path / "bag" / f"{naam}.zip").symlink_to(shared / "data" / WEESP)
        mapping = "bag_eerste_voorkomen" if naam == "app" else "bag_extract"
        text = (REGISTERS / f"{mapping}.toml").read_text(encoding="utf-8").replace(f'"{mapping}"', f'"{naam}"')
        text = text.replace('rol = "distributie"', f'rol = "{rol}"')
        more = f'bestand = "bag/{naam}.zip"\npeildatum = 2021-10-15\n'
        text = text.replace("[entiteit.pand]\n", f"[entiteit.pand]\n{more}")
        (tmp_path / "mappings" / f"{naam}.toml").write_text(text, encoding="utf-8")
    ended = {one.afnemer: one for one in check(opened(tmp_path), entities=["pand"], now=NOW)}
    assert set(found(ended["register"])["kind"]) <= {"ongeldig"}
    cells = found(ended["app"]).filter(pl.col("kind").is_in(["afwijkend", "leeg_in_applicatie", "leeg_in_bron"]))
    assert cells.height > 100
    assert set(cells["hop"]) == {"distributie_applicatie"}


def _write(folder: Path, name: str, text: str, dump: str) -> None:
    text = text.replace(
        "[entiteit.personen]\n", f'[entiteit.personen]\nbestand = "brp/{dump}"\npeildatum = 2022-05-02\n'
    )
    (folder / "mappings" / f"{name}.toml").write_text(text, encoding="utf-8")


def _planted(path: Path, to: Path) -> set[tuple[str, str]]:
    """A copy in which every tenth person has another first name and sex; which cells that are."""
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";"))
    header, cells = rows[0], set()
    name, sex, bsn = (header.index(rubric) for rubric in (_NAME, _SEX, _BSN))
    people = _single([row for row in rows[1:] if row[0]], bsn)
    for row in people[::10]:
        row[name] = "Planta Bedacht"
        row[sex] = "V" if row[sex] == "M" else "M"
        cells |= {(row[bsn], field) for field in ("voornamen", "voorletters", "geslacht")}
    with to.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)
    return cells


def _single(people: Sequence[list[str]], bsn: int) -> list[list[str]]:
    numbers = [row[bsn] for row in people]
    return [row for row in people if row[bsn] and numbers.count(row[bsn]) == 1]
