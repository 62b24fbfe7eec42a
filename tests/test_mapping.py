"""A mapping file says what it says, or every fault in it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import MappingError
from kmgb.mapping.load import load_mapping, load_mappings, parse_mapping, population_dtypes
from kmgb.mapping.model import Mapping
from kmgb.run.coverage import Coverage, coverage
from kmgb.run.plan import comparison_key, comparison_plan

CATALOGUE = load_catalogue()
ROOT = Path(__file__).parents[1]
HEAD = '[afnemer]\nnaam = "app"\ntitel = "App"\n'
SOUND = (
    HEAD + '[entiteit.personen]\nsleutel = ["bsn"]\n[entiteit.personen.velden]\nbsn = "SOFINR"\nvoornamen = "NAMEN"\n'
)


def parsed(text: str) -> Mapping:
    return parse_mapping(text.encode(), Path("app.toml"), CATALOGUE)


def faults(text: str) -> list[str]:
    with pytest.raises(MappingError) as caught:
        parsed(text)
    assert caught.value.exit_code == 2
    return [str(problem) for problem in caught.value.problems]


def test_short_form_is_a_column() -> None:
    velden = parsed(SOUND).entiteit["personen"].velden
    assert velden["bsn"].kolom == "SOFINR"
    assert velden["bsn"].columns == ("SOFINR",)


def test_an_entity_inherits_what_holds_for_the_whole_afnemer() -> None:
    text = (
        SOUND
        + '[entiteit.personen.aanlevering]\ncodering = "latin-1"\n[aanlevering]\nscheidingsteken = ";"\ncodering = "cp1252"\n'
    )
    reader = parsed(text).entiteit["personen"].aanlevering
    assert (reader.scheidingsteken, reader.codering) == (";", "latin-1")


def test_a_single_word_is_a_list_of_one() -> None:
    text = SOUND.replace('voornamen = "NAMEN"', 'voornamen = { kolom = "NAMEN", leeg = "-", regels_uit = "afgekapt" }')
    veld = parsed(text).entiteit["personen"].velden["voornamen"]
    assert (veld.leeg, veld.regels_uit) == (("-",), ("afgekapt",))


def test_the_version_is_that_of_the_bytes() -> None:
    assert parsed(SOUND).version == parsed(SOUND).version != parsed(SOUND + "# anders\n").version


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse_mapping(b"\xef\xbb\xbf" + SOUND.encode(), Path("app.toml"), CATALOGUE).naam == "app"


@pytest.mark.parametrize(
    ("extra", "where", "hint"),
    [
        ('voornaamen = "X"', "entiteit.personen.velden.voornaamen", "'voornamen'"),
        ('geslacht = { kolom = "X", kode = {} }', "entiteit.personen.velden.geslacht.kode", "geen bekende sleutel"),
        ('geslacht = { kolom = "X", vaste_waarde = "M" }', "entiteit.personen.velden.geslacht", "precies één"),
        ("geslacht = { }", "entiteit.personen.velden.geslacht", "precies één"),
        ('geslacht = { kolom = "X", letters = "groot" }', "entiteit.personen.velden.geslacht.letters", "hoofdletters"),
        ('geslacht = { kolom = "X", regels_aan = ["hoofletters"] }', "velden.geslacht.regels_aan", "'hoofdletters'"),
        ('geslacht = { kolom = "X", breedte = 0 }', "entiteit.personen.velden.geslacht.breedte", ""),
        ('verblijfsadres = { kolommen = { straatt = "X" } }', "velden.verblijfsadres.kolommen.straatt", "'straat'"),
        ('geboortedatum = { kolommen = { jaren = "X" } }', "velden.geboortedatum.kolommen.jaren", "'jaar'"),
        ('geslacht = { kolom = "X", codes = { man = "Q" } }', "velden.geslacht.codes.man: 'Q'", "Kies uit: M, V, O."),
        ('geslacht = { kolom = "X", codes = { man = "m" } }', "velden.geslacht.codes.man: 'm'", "waardelijst"),
        ('geboortedatum = { kolom = "X", codes = { x = "y" } }', "velden.geboortedatum.codes", "kent geen codes"),
        ('burgerlijke_staat = { vaste_waarde = "9" }', "velden.burgerlijke_staat.vaste_waarde", "waardelijst"),
        ('voorletters = { kolom = "X", tolerantie = 3 }', "velden.voorletters.tolerantie", "is geen getal"),
        ('geslacht = { kolom = "X", afleiden = "voorletters" }', "velden.geslacht.afleiden", "past niet bij geslacht"),
        ('voorletters = { kolommen = ["X", "Y"], afleiden = "voorletters" }', "voorletters.afleiden", "één kolom"),
        (
            'burgerlijke_staat = { kolom = "X", afleiden = "burgerlijke_staat" }',
            "staat.afleiden",
            "vraagt vier kolommen",
        ),
    ],
)
def test_a_fault_in_a_field(extra: str, where: str, hint: str) -> None:
    problems = faults(SOUND + extra + "\n")
    assert len(problems) == 1
    assert where in problems[0]
    assert hint in problems[0]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('sleutel = ["bsn"]', "sleutel = []", "is leeg: noem ten minste één veld"),
        ('sleutel = ["bsn"]', 'sleutel = ["bssn"]', "'bssn' is geen veld van personen. Bedoelde u 'bsn'?"),
        ('sleutel = ["bsn"]', 'sleutel = ["a_nummer"]', "'a_nummer' heeft geen kolom onder velden"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\nalternatieve_sleutels = [["a_nummer"]]', "heeft geen kolom"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\nhistorie = "actueel"', "kent geen voorkomens"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\nniet_gevoerd = ["voornamen"]', "staat ook onder velden"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\nniet_gevoerd = ["xyz"]', "is geen veld van personen"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\n[entiteit.personen.aanlevering]\ncodering = "cp125"', "geen bekende codering"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\n[entiteit.personen.aanlevering]\nformaat = "xml"', "formaat 'xml' vraagt"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\n[entiteit.personen.populatie]\ndistributie = "bsn ="\nomschrijving = "x"', "verwacht een waarde"),
        ('sleutel = ["bsn"]', 'sleutel = ["bsn"]\n[entiteit.personen.populatie]\ndistributie = "bsn is leeg"', "zeg in één zin"),
        ("entiteit.personen", "entiteit.persoon", "Bedoelde u 'personen'?"),
        ('naam = "app"', "", "afnemer.naam: ontbreekt en is verplicht"),
        ('naam = "app"', 'naam = "a/../b"', "afnemer.naam: kan geen naam van een map zijn."),
        ('naam = "app"', 'naam = ".."', "afnemer.naam: kan geen naam van een map zijn."),
        ('naam = "app"', 'naam = "mijn app"', "afnemer.naam: kan geen naam van een map zijn. Gebruik letters, cijfers, - en _"),
        ('naam = "app"', 'naam = "app."', "afnemer.naam: kan geen naam van een map zijn."),
        ('sleutel = ["bsn"]', "sleutel = ['bsn']\npeildatum_uit_naam = '(\\d{8'", "reguliere expressie (teken 1)"),
        ('sleutel = ["bsn"]', "sleutel = ['bsn']\npeildatum_uit_naam = 'a{99999999999}'", "te groot"),
        ("[afnemer]", "[afnemer", "geen geldige TOML"),
    ],
)  # fmt: skip
def test_a_fault_elsewhere(old: str, new: str, expected: str) -> None:
    assert expected in "\n".join(faults(SOUND.replace(old, new)))


PAND = '[entiteit.pand]\nsleutel = ["id_pand"]\n[entiteit.pand.velden]\nid_pand = "P"\n'
PLACE = "entiteit.personen."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SOUND + "a_nummer = 5\n", [PLACE + "velden.a_nummer: moet een tabel zijn."]),
        (SOUND.replace('["bsn"]', "[1]"), [PLACE + "sleutel (waarde 1): moet een tekst tussen aanhalingstekens zijn."]),
        (
            SOUND.replace('["bsn"]', '["bsn"]\nvolledig = "soms"\nbandbreedte = 101\npeildatum = "nu"\nhistorie = "actuel"'),
            [
                PLACE + "historie: moet een van deze zijn: 'geen', 'actueel' of 'historie'. Bedoelde u 'actueel'?",
                PLACE + "peildatum: moet een datum zonder aanhalingstekens (jjjj-mm-dd) zijn.",
                PLACE + "volledig: moet true of false zijn.",
                PLACE + "bandbreedte: mag hoogstens 100 zijn.",
            ],
        ),
        (
            SOUND + 'geslacht = { kolommen = 5 }\nvoorletters = { kolommen = [1] }\ngeboortedatum = { kolommen = { jaar = 5 } }\n',
            [
                PLACE + "velden.geslacht.kolommen: moet een lijst tussen rechte haken of een tabel zijn.",
                PLACE + "velden.voorletters.kolommen (waarde 1): moet een tekst tussen aanhalingstekens zijn.",
                PLACE + "velden.geboortedatum.kolommen.jaar: moet een tekst tussen aanhalingstekens zijn.",
            ],
        ),
        (
            SOUND + PAND + '[aanlevering]\nscheidingstekken = ";"\nkop = "soms"\naanhalingsteken = "xx"\n',
            [
                "aanlevering.aanhalingsteken: mag niet langer zijn dan 1 teken.",
                "aanlevering.kop: moet true of false zijn.",
                "aanlevering.scheidingstekken: is geen bekende sleutel. Bedoelde u 'scheidingsteken' of 'aanhalingsteken'?",
            ],
        ),
        (
            SOUND + PAND + '[aanlevering]\nformaat = "xml"\n',
            ["aanlevering.record: formaat 'xml' vraagt de naam van het element dat één record is."],
        ),
        ("aanlevering = 5\n" + SOUND, ["aanlevering: moet een tabel zijn."]),
        (HEAD + "[entiteit]\npersonen = 5\n", ["entiteit.personen: moet een tabel zijn."]),
        ("entiteit = 5\n" + HEAD, ["entiteit: moet een tabel zijn."]),
        (
            SOUND + '[entiteit.personen.opzoeken.x]\nbestand = "a"\nmet = "b"\nop = "c"\nkolommen = "d"\naanlevering = { kopp = 1 }\n',
            [PLACE + "opzoeken.x.aanlevering.kopp: is geen bekende sleutel. Bedoelde u 'kop'?"],
        ),
        (
            SOUND + "x = \n",
            ["geen geldige TOML bij regel 9, teken 5. Tekst staat tussen aanhalingstekens, en elke sleutel komt één keer voor."],
        ),
    ],
    ids=["field", "list", "types", "one of several types", "general", "general meaning", "no table", "entity", "entities",
         "lookup", "toml"],
)  # fmt: skip
def test_a_fault_of_form_is_said_in_dutch_and_once(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ('naam = "app"\n', "", "afnemer.naam: ontbreekt en is verplicht."),
        ('sleutel = ["bsn"]\n', "", PLACE + "sleutel: ontbreekt en is verplicht."),
        ('sleutel = ["bsn"]', "sleutel = [1]", PLACE + "sleutel (waarde 1): moet een tekst tussen aanhalingstekens zijn."),
        ('voornamen = "NAMEN"', "voornamen = { kolom = 1 }", PLACE + "velden.voornamen.kolom: moet een tekst tussen "
         "aanhalingstekens zijn."),
    ],
    ids=["missing", "missing key", "list", "column"],
)  # fmt: skip
def test_a_fault_of_form_hides_no_fault_of_meaning(old: str, new: str, first: str) -> None:
    text = SOUND.replace(old, new) + 'voornaamen = "X"\n'
    assert faults(text) == [first, PLACE + "velden.voornaamen: is geen veld van personen. Bedoelde u 'voornamen'?"]


def test_all_faults_are_listed_together() -> None:
    text = SOUND.replace('sleutel = ["bsn"]', 'sleutel = ["bssn"]') + 'voornaamen = "X"\ngeslagt = "Y"\n'
    assert len(faults(text)) == 3


def test_a_wish_lasts_a_year_at_most() -> None:
    wish = '[entiteit.personen.niet_aangeleverd.geslacht]\nwens = "x"\ningediend = 2024-01-01\ndeadline = {}\n'
    assert parsed(SOUND + wish.format("2025-01-01")).entiteit["personen"].niet_aangeleverd["geslacht"].wens == "x"
    assert "meer dan een jaar" in faults(SOUND + wish.format("2025-01-03"))[0]


def test_mappings_of_a_folder_are_checked_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(SOUND, encoding="utf-8")
    (tmp_path / "b.toml").write_text(SOUND, encoding="utf-8")
    (tmp_path / "c.toml").write_text("x", encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mappings(tmp_path, CATALOGUE)
    assert len(caught.value.problems) == 2
    assert load_mapping(tmp_path / "a.toml", CATALOGUE).naam == "app"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="het bestand bestaat niet"):
        load_mapping(Path("nergens.toml"), CATALOGUE)
    with pytest.raises(MappingError, match="dit is een map, geen bestand"):
        load_mapping(tmp_path, CATALOGUE)


def test_values_that_fit_their_field_are_no_fault() -> None:
    fields = (
        'geslacht = { vaste_waarde = "Man" }\nburgerlijke_staat = { vaste_waarde = "" }\n'
        'woonplaats = { kolom = "X", codes = { HV = "Havenveen" } }\nindicatie_geheim = { kolom = "G", codes = { ja = "7" } }\n'
    )
    assert len(parsed(SOUND + fields.replace("woonplaats", "voorvoegsel")).entiteit["personen"].velden) == 6


def test_our_own_mappings_are_sound() -> None:
    mappings = load_mappings(ROOT / "mappings", CATALOGUE)
    assert [m.naam for m in mappings.values() if m.afnemer.rol == "distributie"] == ["distributie"]


def test_a_population_may_name_helper_columns() -> None:
    text = (
        SOUND
        + '[entiteit.personen.hulp]\nsoort = "SOORT"\n[entiteit.personen.populatie]\napplicatie = "hulp.soort = \'I\'"\nomschrijving = "x"\n'
    )
    mapping = parsed(text).entiteit["personen"]
    assert "hulp.soort" in population_dtypes(mapping, CATALOGUE["personen"])


# What follows from two mappings: coverage and plan.


def test_every_field_has_one_answer_with_its_reason() -> None:
    text = (
        SOUND.replace('sleutel = ["bsn"]', 'sleutel = ["bsn"]\nniet_gevoerd = ["geslacht"]')
        + 'gemeentecode = { kolom = "G", vergelijken = false }\nvoorletters = "V"\na_nummer = "A"\n'
        + '[entiteit.personen.uitgesloten]\na_nummer = "loopt achter"\n'
        + '[entiteit.personen.niet_aangeleverd.voorvoegsel]\nwens = "kolom erbij"\ningediend = 2024-01-01\ndeadline = 2024-06-01\n'
    )
    theirs = parsed(text).entiteit["personen"]
    ours = parsed(SOUND + 'a_nummer = "A"\ngemeentecode = "G"\n').entiteit["personen"]
    answers = {answer.field.name: answer for answer in coverage(CATALOGUE["personen"], ours, theirs)}
    assert len(answers) == 27
    assert {name: answers[name].coverage for name in ("bsn", "voornamen", "geslacht", "gemeentecode", "voorletters", "a_nummer", "voorvoegsel", "geboortedatum")} == {
        "bsn": Coverage.SLEUTEL, "voornamen": Coverage.VERGELEKEN, "geslacht": Coverage.NIET_GEVOERD,
        "gemeentecode": Coverage.UITGESLOTEN, "voorletters": Coverage.NIET_IN_DISTRIBUTIE, "a_nummer": Coverage.UITGESLOTEN,
        "voorvoegsel": Coverage.NIET_AANGELEVERD, "geboortedatum": Coverage.NIET_VERMELD,
    }  # fmt: skip
    assert answers["a_nummer"].explanation == "loopt achter"
    assert answers["voorvoegsel"].deadline is not None
    plan = comparison_plan(CATALOGUE, CATALOGUE["personen"], ours, theirs, answers["voorvoegsel"].deadline)
    assert [cell.name for cell in plan.compared] == ["voornamen"]


def test_history_adds_the_begin_to_the_key() -> None:
    text = (
        HEAD
        + '[entiteit.pand]\nsleutel = ["id_pand"]\nhistorie = "historie"\n[entiteit.pand.velden]\nid_pand = "P"\ndatum_begin_geldigheid_cyclus = "B"\n'
    )
    mapping = parsed(text).entiteit["pand"]
    assert comparison_key(CATALOGUE["pand"], mapping) == ("id_pand", "datum_begin_geldigheid_cyclus")
    assert "vraagt het veld" in faults(text.replace('datum_begin_geldigheid_cyclus = "B"\n', ""))[0]
