"""docs/aanleveren-push.md is so: its commands run, its tables name every answer, option and key."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import trustme
from servers_files import needed
from servers_web import TOKEN, Secured, dump, kmgb, make_town
from typer.testing import CliRunner

from kmgb.catalogue.fields import load_catalogue
from kmgb.cli.main import app
from kmgb.errors import MappingError
from kmgb.mapping.aanleveren import Aanleveren
from kmgb.mapping.load import parse_mapping
from kmgb.web.problems import KINDS

PAGE = (Path(__file__).parents[1] / "docs" / "aanleveren-push.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?)```", PAGE, re.DOTALL)
HOST = "https://kmgb.gemeente.example"


def run(example: str, folder: Path, address: str, **environment: str) -> str:
    """What the command of the page prints, in a folder with the files that it names."""
    needed("curl")
    (folder / "personen_20260301.csv").write_bytes(dump(3))
    (folder / "bericht.xml").write_text(PAGE.partition("```xml\n")[2].partition("```")[0], encoding="utf-8")
    assert HOST in example
    done = subprocess.run(
        ["bash", "-c", example.replace(HOST, address)], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"TOKEN": TOKEN, "no_proxy": "*"} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def examples(part: str) -> str:
    (found,) = (example for example in EXAMPLES if part in example)
    return found


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    with kmgb(make_town(tmp_path)) as served:
        told = run(examples("X-Checksum-Sha256"), tmp_path, served.address)
        assert '"status":"geaccepteerd"' in told and '"rijen":3' in told and "2026-03-01T00:00:00+01:00" in told
        number = told.partition('"nummer":"')[2].partition('"')[0]
        assert number in run(examples("$NUMMER"), tmp_path, served.address, NUMMER=number)


def test_the_soap_example_works(tmp_path: Path) -> None:
    town = make_town(tmp_path, reader='formaat = "xml"\nrecord = "persoon"')
    with kmgb(town) as served:
        told = run(examples("bericht.xml"), tmp_path, served.address)
    assert "Bv03Bericht" in told and "2026-0042" in told and "2026-03-01T06:30:00+01:00" in told


def test_the_example_with_a_certificate_works(tmp_path: Path) -> None:
    secured = Secured(tmp_path, trustme.CA())
    secured.own.pem.rename(tmp_path / "leverancier.pem")
    secured.own.key.rename(tmp_path / "leverancier.key")
    with kmgb(secured.town, *secured.options) as served:
        told = run(examples("--cert"), tmp_path, served.address, CURL_CA_BUNDLE=str(secured.ca))
    assert '"status":"geaccepteerd"' in told


def test_every_answer_option_and_key_is_on_the_page() -> None:
    table = PAGE.partition("## Antwoorden")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    missing = [
        kind
        for kind, known in KINDS.items()
        if not any(line.startswith(f"| {known.status} ") and f"`{kind}`" in line for line in rows)
    ]
    assert missing == []
    assert [name for name in Aanleveren.model_fields if f"| `{name}`" not in PAGE] == []
    told = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help", "--no-achter-gateway"}
    assert len(options) >= 6
    assert [option for option in options if f"`{option}`" not in PAGE] == []


MAPPING = """
[afnemer]
naam = "sociaal"
titel = "Sociaal"
[afnemer.aanleveren]
{door}
[entiteit.personen]
sleutel = ["bsn"]
velden = {{ bsn = "BSN" }}
"""


@pytest.mark.parametrize(
    ("door", "said"),
    [
        ("", "noem een token"),
        ('token = "Echt-Geheim!4711"', "aanleveren.token"),
        ('certificaat = "sha1:abc"', "is geen vingerafdruk"),
        ('token = "a"\ngrootste = 0', "ten minste 1"),
        ('token = "a"\ntokken = "b"', "Bedoelde u 'token'?"),
    ],
    ids=["nothing", "the secret itself", "no fingerprint", "nothing fits", "misspelt"],
)
def test_a_door_that_is_not_right_is_told_without_repeating_a_secret(door: str, said: str) -> None:
    with pytest.raises(MappingError) as raised:
        parse_mapping(MAPPING.format(door=door).encode(), Path("m.toml"), load_catalogue())
    assert said in str(raised.value)
    assert "4711" not in str(raised.value)


def test_fingerprints_are_read_as_openssl_prints_them() -> None:
    pairs = ":".join(["AB"] * 32)
    door = Aanleveren.model_validate({"certificaat": [pairs, f"sha256:{pairs.lower()}"]})
    assert set(door.certificaat) == {"ab" * 32}
