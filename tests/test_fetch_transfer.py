"""Files through managed transfer, from real servers: only whole and promised files, and every fault in a sentence."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pysequoia
import pytest
import trustme
from pydantic import ValidationError
from servers_files import PASSWORD, USER, Ftpd, Server, Sshd, Vsftpd, free_port, needed, password_sftp, running

from kmgb.catalogue.fields import load_catalogue
from kmgb.errors import SourceError
from kmgb.fetch.fetched import Fetched
from kmgb.fetch.folder import fetch_folder, watch_folder
from kmgb.fetch.ftps import fetch_ftps
from kmgb.fetch.sftp import fetch_sftp
from kmgb.fetch.transfer import InterruptedTransferError, NothingNewError, Terms
from kmgb.fetch.transfer_probe import probe_transfer
from kmgb.mapping.bronnen.overdracht import FtpsBron, MapBron, SftpBron
from kmgb.mapping.model import EntiteitMapping, Veld

PLAN = EntiteitMapping(
    bestand="personen_*",
    sleutel=("bsn",),
    velden={"bsn": Veld(kolom="BSN")},
    peildatum_uit_naam=r"\d{8}",
)
CSV = b"BSN\n999990019\n999990020\n"
BIG = 32 * 2**20
TERMS = Terms(pause=lambda seconds: None)


def names(found: list[Fetched]) -> list[str]:
    return [one.path.name for one in found]


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- the drop folder: what is whole, what was promised ---


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "uit"
    folder.mkdir()
    return folder


def folder_source(drop: Path, **more: Any) -> MapBron:
    return MapBron(**({"soort": "map", "map": str(drop), "rust": 0} | more))


def put(folder: Path, name: str, content: bytes = CSV) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_file_lands_under_its_own_name_and_only_we_may_read_it(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_20261123.csv")
    (found,) = fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)
    assert found.path == tmp_path / "in" / "personen_20261123.csv"
    assert found.path.read_bytes() == CSV
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert left_in(tmp_path / "in") == ["personen_20261123.csv"]


def test_of_files_that_stay_the_newest_by_name_is_taken(drop: Path, tmp_path: Path) -> None:
    for name in ("personen_20261130.csv", "personen_20261123.csv", "panden_20261201.csv"):
        put(drop, name)
    assert names(fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)) == ["personen_20261130.csv"]


def test_files_that_are_moved_are_all_taken_oldest_first_and_never_overwrite(drop: Path, tmp_path: Path) -> None:
    for name in ("personen_20261130.csv", "personen_20261123.csv"):
        put(drop, name)
    (drop / "verwerkt").mkdir()
    put(drop / "verwerkt", "personen_20261123.csv", b"eerder")
    found = fetch_folder(folder_source(drop, na_afloop="verplaatsen"), PLAN, tmp_path / "in", terms=TERMS)
    assert names(found) == ["personen_20261123.csv", "personen_20261130.csv"]
    assert left_in(drop) == ["personen_20261123.csv", "personen_20261130.csv", "verwerkt"]
    for one in found:
        one.done()
    assert left_in(drop) == ["verwerkt"]
    moved = ["2-personen_20261123.csv", "personen_20261123.csv", "personen_20261130.csv"]
    assert left_in(drop / "verwerkt") == moved


def test_a_file_that_became_another_one_is_not_deleted(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_1.csv")
    (found,) = fetch_folder(folder_source(drop, na_afloop="verwijderen"), PLAN, tmp_path / "in", terms=TERMS)
    put(drop, "personen_1.csv", CSV + CSV)
    found.done()
    assert left_in(drop) == ["personen_1.csv"]
    (found,) = fetch_folder(folder_source(drop, na_afloop="verwijderen"), PLAN, tmp_path / "in", terms=TERMS)
    found.done()
    assert left_in(drop) == []


def test_a_file_that_is_still_growing_is_left_alone(drop: Path, tmp_path: Path) -> None:
    path = put(drop, "personen_1.csv")

    def grow(seconds: float) -> None:
        path.write_bytes(path.read_bytes() + CSV)

    with pytest.raises(NothingNewError) as caught:
        fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=replace(TERMS, pause=grow))
    what = "nog geen heel bestand (personen_1.csv wordt nog geschreven). Haal later opnieuw op."
    assert str(caught.value) == f"{drop}: {what}"
    assert (caught.value.exit_code, caught.value.transient) == (3, True)


@pytest.mark.parametrize(
    ("heel", "companion", "content"),
    [
        ("klaar", "personen_1.csv.klaar", b""),
        ("klaar", "personen_1.klaar", b""),
        ("controlesom", "personen_1.csv.sha256", hashlib.sha256(CSV).hexdigest().upper().encode()),
        ("controlesom", "personen_1.sha512", f"SHA512 (personen_1.csv) = {hashlib.sha512(CSV).hexdigest()}".encode()),
        ("manifest", "personen_1.csv.manifest.json", b'{"rijen": 2}'),
    ],
)
def test_with_a_companion_asked_the_file_waits_for_it_and_goes_with_it(
    drop: Path, tmp_path: Path, heel: str, companion: str, content: bytes
) -> None:
    put(drop, "personen_1.csv")
    bron = folder_source(drop, heel=heel, na_afloop="verwijderen")
    with pytest.raises(NothingNewError, match=r"wacht op personen_1\.csv"):
        fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)
    put(drop, companion, content)
    (found,) = fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)
    assert found.path.name == "personen_1.csv"
    found.done()
    assert left_in(drop) == []


def test_a_new_file_beside_an_old_klaar_is_not_whole(drop: Path, tmp_path: Path) -> None:
    os.utime(put(drop, "personen_1.csv.klaar", b""), (1_000_000, 1_000_000))
    put(drop, "personen_1.csv")
    with pytest.raises(NothingNewError, match=r"personen_1.csv is gewijzigd nadat personen_1.csv.klaar is geplaatst"):
        fetch_folder(folder_source(drop, heel="klaar"), PLAN, tmp_path / "in", terms=TERMS)


def test_a_manifest_gives_the_peildatum_in_the_time_of_the_municipality(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_20261123.csv")
    put(drop, "personen_20261123.csv.manifest.json", b'{"peildatum": "2026-11-23", "rows": 2}')
    (found,) = fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)
    assert found.peildatum == datetime(2026, 11, 22, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("manifest", "what"),
    [
        ({"rijen": 3}, "het manifest noemt 3 rijen, het bestand heeft er 2."),
        ({"sha256": "0" * 64}, "de sha256 is niet die van de leverancier."),
        ({"peildatum": "2026-11-24"}, "het manifest noemt een andere peildatum dan de bestandsnaam."),
        ({"peildatum": 20261123}, "in het manifest is 'peildatum' niet te lezen."),
        ({"bestand": "panden.csv"}, "het manifest hoort volgens 'bestand' bij een ander bestand."),
        ({"rijn": 2}, "'rijn' in het manifest is onbekend. Bedoelde u 'rijen'?"),
        ([1], "het manifest is geen JSON-object."),
    ],
)
def test_what_a_manifest_says_is_enforced_wherever_it_is_found(
    drop: Path, tmp_path: Path, manifest: object, what: str
) -> None:
    put(drop, "personen_20261123.csv")
    put(drop, "personen_20261123.manifest.json", json.dumps(manifest).encode())
    with pytest.raises(SourceError) as caught:
        fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)
    assert str(caught.value).startswith(f"personen_20261123.csv: {what}")
    assert left_in(tmp_path / "in") == []


def test_rows_are_counted_in_a_packed_file_too(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_1.csv")
    subprocess.run(["gzip", "personen_1.csv"], cwd=drop, check=True)
    put(drop, "personen_1.manifest.json", b'{"rijen": 2}')
    assert names(fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)) == ["personen_1.csv.gz"]


def test_one_bad_file_does_not_hold_up_the_others(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_20261116.csv")
    put(drop, "personen_20261116.csv.sha256", b"0" * 64)
    put(drop, "personen_20261123.csv")
    (found,) = fetch_folder(folder_source(drop, na_afloop="verplaatsen"), PLAN, tmp_path / "in", terms=TERMS)
    assert found.path.name == "personen_20261123.csv"
    what = "personen_20261116.csv: de sha256 is niet die van de leverancier."
    assert found.remarks == (f"Overgeslagen: {what} Vraag de leverancier om een nieuwe aanlevering.",)


def test_links_hidden_and_unfinished_names_are_no_deliveries(drop: Path, tmp_path: Path) -> None:
    for name in (".personen_1.csv", "personen_1.csv.filepart", "personen_2.tmp"):
        put(drop, name)
    (drop / "personen_3.csv").symlink_to("/etc/passwd")
    (drop / "personen_4.csv").mkdir()
    with pytest.raises(SourceError) as caught:
        fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)
    hint = "Controleer 'map' en 'bestand' in de bron, of vraag de leverancier waar de aanlevering blijft."
    assert str(caught.value) == f"{drop}: niets past bij 'personen_*'. {hint}"


def test_a_watched_folder_gives_every_file_once_and_tells_once_what_is_wrong(tmp_path: Path) -> None:
    drop, stop, seen = tmp_path / "uit", threading.Event(), []
    bron = folder_source(drop)

    def take() -> list[Fetched]:
        return fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)

    for found in watch_folder(bron, PLAN, stop, take, terms=TERMS):
        if isinstance(found, SourceError):
            seen.append(str(found))
            drop.mkdir()
            put(drop, "personen_1.csv")
        else:
            seen.append(found.path.name)
            if found.path.name == "personen_2.csv":
                stop.set()
            put(drop, "personen_2.csv")
    what = "bestaat niet (meer). Controleer 'map' in de bron en of de schijf is gekoppeld."
    assert seen == [f"{drop}: {what}", "personen_1.csv", "personen_2.csv"]


def test_a_disk_that_fills_leaves_nothing_behind(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_1.csv", bytes(3 * 2**20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(SourceError) as caught:
            fetch_folder(folder_source(drop), PLAN, tmp_path / "in", terms=TERMS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (
        str(caught.value) == f"personen_1.csv: de schijf met {tmp_path / 'in'} is vol. Maak ruimte en haal opnieuw op."
    )
    assert left_in(tmp_path / "in") == []


def test_a_disk_with_too_little_room_is_seen_beforehand(drop: Path, tmp_path: Path) -> None:
    put(drop, "personen_1.csv", bytes(3 * 2**20))
    into = tmp_path / "in"
    into.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", into], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(SourceError, match="is vol"):
            fetch_folder(folder_source(drop), PLAN, into, terms=TERMS)
        assert left_in(into) == []
    finally:
        subprocess.run(["umount", into], check=True)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"wachtwoord": "Geheim-4711"}, "wachtwoord"),
        ({"bestand": "uit/*.csv"}, "bestand"),
        ({"wachtwoord": ""}, ""),
        ({"sleutel": "id"}, ""),
    ],
)
def test_a_source_that_cannot_be_right_is_refused_and_a_written_password_not_repeated(
    wrong: dict[str, str], where: str
) -> None:
    right = {"soort": "sftp", "server": "localhost", "gebruiker": USER, "wachtwoord": "sftp-parkeren", "map": "/uit"}
    with pytest.raises(ValidationError) as caught:
        SftpBron.model_validate(right | wrong)
    assert [".".join(map(str, fault["loc"])) for fault in caught.value.errors()] == [where]
    assert PASSWORD not in str(caught.value)


def test_a_test_of_a_source_shows_a_few_masked_rows_and_changes_nothing(drop: Path) -> None:
    plan = EntiteitMapping(
        bestand="personen_*",
        sleutel=("bsn",),
        velden={
            name: Veld(kolom=kolom)
            for name, kolom in [
                ("bsn", "BSN"),
                ("geslachtsnaam_diacriet", "NAAM"),
                ("geboortedatum", "GEB"),
                ("voornamen", "VN"),
            ]
        },
        hulp={"soort": Veld(kolom="SOORT")},
    )
    rows = "".join(f"{n:09},Tester,01-02-1980,klant,x\n" for n in range(100_000))
    put(drop, "personen_1.csv", f"BSN,NAAM,GEB,SOORT,VNM\n{rows}".encode())
    put(drop, "personen_2.csv.part")
    before = left_in(drop)
    bron = folder_source(drop, na_afloop="verwijderen")
    seen = probe_transfer(bron, plan, load_catalogue()["personen"], terms=TERMS)
    assert (seen.place, seen.server, seen.sample) == (str(drop), "map op deze machine", "personen_1.csv")
    assert [(file.name, file.why_not) for file in seen.files] == [("personen_1.csv", "")]
    assert seen.columns == ("BSN", "NAAM", "GEB", "SOORT", "VNM")
    assert seen.shown == ("BSN", "NAAM", "GEB", "SOORT")
    assert seen.rows[4] == ("•••004", "xxxxxx", "99-99-9999", "•••")
    assert len(seen.rows) == 5
    assert seen.remarks == ("Kolom 'VN' ontbreekt. Bedoelde u 'VNM'?",)
    assert left_in(drop) == before


def test_every_key_of_these_sources_is_documented() -> None:
    text = (Path(__file__).parents[1] / "docs" / "bronnen-overdracht.md").read_text(encoding="utf-8")
    table = text.partition("## Instellingen")[2].partition("\n## ")[0]
    keys = {**SftpBron.model_fields, **FtpsBron.model_fields, **MapBron.model_fields}
    assert [key for key in keys if f"`{key}`" not in table] == []


# --- OpenPGP ---


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our key pair and that of a supplier."""
    folder = tmp_path_factory.mktemp("pgp")
    for name in ("ons", "leverancier"):
        key = pysequoia.Tsk.generate(f"{name} <{name}@example.org>")
        (folder / f"{name}.key").touch(0o600)
        (folder / f"{name}.key").write_text(str(key))
        (folder / f"{name}.pub").write_text(str(key.extract_certificate()))
    return folder


def encrypted(keys: Path, name: str, *options: str) -> bytes:
    """CSV for the key `name`, by GnuPG: another implementation than the one that opens it."""
    with tempfile.TemporaryDirectory(prefix="kmgb-gpg-") as home:
        command = ["gpg", "--batch", "--homedir", home, "--recipient-file", str(keys / f"{name}.pub"), *options, "-e"]
        return subprocess.run(command, input=CSV, check=True, capture_output=True).stdout


def test_an_encrypted_file_lands_in_the_open_and_its_checksum_is_that_of_what_came(
    drop: Path, tmp_path: Path, keys: Path
) -> None:
    content = encrypted(keys, "ons")
    put(drop, "personen_1.csv.gpg", content)
    put(drop, "personen_1.csv.gpg.sha256", hashlib.sha256(content).hexdigest().encode())
    put(drop, "personen_1.csv.manifest.json", b'{"rijen": 2, "bestand": "personen_1.csv.gpg"}')
    bron = folder_source(drop, pgp_sleutel=keys / "ons.key", na_afloop="verwijderen")
    (found,) = fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)
    assert (found.path.name, found.path.read_bytes()) == ("personen_1.csv", CSV)
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert left_in(tmp_path / "in") == ["personen_1.csv"]
    assert probe_transfer(bron, PLAN, load_catalogue()["personen"], terms=TERMS).rows[0] == ("•••019",)
    found.done()
    assert left_in(drop) == []


def test_with_a_sender_only_what_it_signed_is_accepted(drop: Path, tmp_path: Path, keys: Path) -> None:
    bron = folder_source(drop, pgp_sleutel=keys / "ons.key", pgp_afzender=keys / "leverancier.pub")
    ours = pysequoia.Cert.from_file(str(keys / "ons.pub"))
    signer = pysequoia.Tsk.from_file(str(keys / "leverancier.key")).signer()
    put(drop, "personen_1.csv.pgp", pysequoia.encrypt(CSV, [ours], signer))
    assert names(fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)) == ["personen_1.csv"]
    for options, what in (
        (("--compress-algo", "none"), "niet ondertekend met"),
        ((), "is niet na te gaan, want het is ook"),
    ):
        put(drop, "personen_1.csv.pgp", encrypted(keys, "ons", *options))
        with pytest.raises(SourceError, match=what):
            fetch_folder(bron, PLAN, tmp_path / "in", terms=TERMS)


def test_an_encrypted_file_that_cannot_be_opened(drop: Path, tmp_path: Path, keys: Path) -> None:
    bron = folder_source(drop, pgp_sleutel=keys / "ons.key")
    broken = encrypted(keys, "ons", "--compress-algo", "none")
    cases = {
        "niet voor de sleutel": (bron, encrypted(keys, "leverancier")),
        "beschadigd, afgebroken": (bron, broken[:-5]),
        "versleuteld met OpenPGP. Zet met 'pgp_sleutel'": (folder_source(drop), broken),
        "geen OpenPGP-privésleutel": (folder_source(drop, pgp_sleutel=keys / "ons.pub"), broken),
    }
    (keys / "ons.pub").chmod(0o600)
    for what, (source, content) in cases.items():
        put(drop, "personen_1.csv.gpg", content)
        with pytest.raises(SourceError) as caught:
            fetch_folder(source, PLAN, tmp_path / "in", terms=TERMS)
        assert what in str(caught.value)
        assert "Stack" not in str(caught.value)
        assert left_in(tmp_path / "in") == []


# --- both protocols, against real servers ---


class Peer:
    """A server with its folder `uit`, and how its files are fetched."""

    def __init__(self, server: Server, drop: Path, bron: Any, fetch: Callable[..., list[Fetched]]) -> None:
        self.server, self.drop, self.bron, self._fetch = server, drop, bron, fetch

    def fetch(self, into: Path, terms: Terms = TERMS, **changes: Any) -> list[Fetched]:
        bron = type(self.bron).model_validate(self.bron.model_dump() | {"pogingen": 1} | changes)
        return self._fetch(bron, PLAN, into, terms=terms)


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMGB_GEHEIM_OVERDRACHT", PASSWORD)


def certificate(folder: Path, *names: str, **more: Any) -> tuple[Path, Path]:
    """The PEM file of a server, and that of its issuer."""
    issuer = trustme.CA()
    leaf = issuer.issue_cert(*names, **more)
    server, ca = folder / "server.pem", folder / "ca.pem"
    leaf.private_key_and_cert_chain_pem.write_to_path(str(server))
    issuer.cert_pem.write_to_path(str(ca))
    return server, ca


def sshd_peer(folder: Path) -> Peer:
    server = Sshd(folder)
    (folder / "known_hosts").write_text(server.known + "\n")
    drop = folder / "uit"
    drop.mkdir()
    bron = SftpBron(
        soort="sftp",
        server="localhost",
        poort=server.port,
        gebruiker=server.user,
        sleutel=server.key,
        bekende_servers=folder / "known_hosts",
        map=str(drop),
        rust=0,
        time_out=20,
    )
    return Peer(server, drop, bron, fetch_sftp)


def ftps_peer(folder: Path, mode: str = "explicit", names: tuple[str, ...] = ("localhost",), **more: Any) -> Peer:
    pem, ca = certificate(folder, *names, **more)
    drop = folder / "thuis" / "uit"
    drop.mkdir(parents=True)
    server = Ftpd(folder / "thuis", pem, mode)
    bron = FtpsBron(
        soort="ftps",
        server="localhost",
        poort=server.port,
        gebruiker=USER,
        wachtwoord="overdracht",
        certificaten=ca,
        impliciet=mode == "implicit",
        map="uit",
        rust=0,
        time_out=20,
    )
    return Peer(server, drop, bron, fetch_ftps)


def vsftpd_peer(folder: Path) -> Peer:
    if os.geteuid() != 0:
        pytest.skip("vsftpd needs root")
    home = Path(tempfile.mkdtemp(prefix="kmgb-vsftpd-"))
    home.chmod(0o755)
    drop = home / "uit"
    drop.mkdir()
    shutil.chown(drop, "daemon")
    pem, ca = certificate(folder, "localhost")
    bron = FtpsBron(
        soort="ftps",
        server="localhost",
        poort=1,
        gebruiker="anonymous",
        wachtwoord="overdracht",
        certificaten=ca,
        map="/uit",
        rust=0,
        time_out=20,
    )
    server = Vsftpd(home, home, pem)
    return Peer(server, drop, bron.model_copy(update={"poort": server.port}), fetch_ftps)


KINDS = {
    "sshd": sshd_peer,
    "pyftpdlib": ftps_peer,
    "pyftpdlib-implicit": lambda folder: ftps_peer(folder, "implicit"),
    "vsftpd": vsftpd_peer,
}


@pytest.fixture(params=list(KINDS))
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = KINDS[request.param](folder)
    with running(made.server):
        yield made
    if request.param == "vsftpd":
        shutil.rmtree(made.drop.parent)


def test_files_come_over_whole_and_are_moved_with_their_companions(peer: Peer, tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 17)
    put(peer.drop, "personen_20261123.csv", content)
    put(peer.drop, "personen_20261123.csv.sha256", f"{hashlib.sha256(content).hexdigest()}  x\n".encode())
    put(peer.drop, "personen_20261130.csv")
    put(peer.drop, "ander.csv")
    found = peer.fetch(tmp_path / "in", na_afloop="verplaatsen", verplaatsen_naar="klaar/gedaan")
    assert names(found) == ["personen_20261123.csv", "personen_20261130.csv"]
    assert found[0].path.read_bytes() == content
    assert left_in(tmp_path / "in") == names(found)
    for one in found:
        one.done()
    assert left_in(peer.drop) == ["ander.csv", "klaar"]
    moved = ["personen_20261123.csv", "personen_20261123.csv.sha256", "personen_20261130.csv"]
    assert left_in(peer.drop / "klaar" / "gedaan") == moved


def test_files_are_deleted_or_kept_as_configured(peer: Peer, tmp_path: Path) -> None:
    put(peer.drop, "personen_1.csv")
    for na_afloop, left in (("laten", ["personen_1.csv"]), ("verwijderen", [])):
        (found,) = peer.fetch(tmp_path / "in", na_afloop=na_afloop)
        found.done()
        assert left_in(peer.drop) == left
    with pytest.raises(SourceError, match=r"niets past bij 'personen_\*'"):
        peer.fetch(tmp_path / "in")


def test_a_test_of_a_server_tells_who_answers(peer: Peer, tmp_path: Path) -> None:
    put(peer.drop, "personen_1.csv")
    subprocess.run(["gzip", "-k", "personen_1.csv"], cwd=peer.drop, check=True)
    seen = probe_transfer(peer.bron, PLAN, load_catalogue()["personen"], terms=TERMS)
    assert any(name in seen.server for name in ("OpenSSH", "wegwerpserver", "vsFTPd"))
    assert seen.security.startswith(("SSH, sleutel van de server staat in", "TLSv1.3, certificaat gecontroleerd"))
    assert [file.name for file in seen.files] == ["personen_1.csv", "personen_1.csv.gz"]
    assert (seen.sample, seen.rows) == ("personen_1.csv.gz", (("•••019",), ("•••020",)))


def test_a_folder_that_is_not_there(peer: Peer, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Controleer 'map' in de bron") as caught:
        peer.fetch(tmp_path / "in", map="/bestaat/niet")
    assert not caught.value.transient


def dies_at(server: Server, at: int) -> Callable[[str, int, int], None]:
    return lambda name, done, total: server.kill() if done >= at else None


def test_the_server_dies_halfway_and_the_next_time_goes_on(peer: Peer, tmp_path: Path) -> None:
    content = os.urandom(BIG)
    put(peer.drop, "personen_1.csv", content)
    with pytest.raises(InterruptedTransferError):
        peer.fetch(tmp_path / "in", replace(TERMS, progress=dies_at(peer.server, BIG // 4)))
    (part,) = (tmp_path / "in").iterdir()
    had = part.stat().st_size
    assert part.name.startswith(".deel-")
    assert BIG // 4 <= had < BIG
    peer.server.start()
    told: list[int] = []
    (found,) = peer.fetch(tmp_path / "in", replace(TERMS, progress=lambda name, done, total: told.append(done)))
    assert found.path.read_bytes() == content
    assert min(told) > had
    assert left_in(tmp_path / "in") == ["personen_1.csv"]


def test_a_connection_that_comes_back_in_time_is_not_noticed(peer: Peer, tmp_path: Path) -> None:
    content = os.urandom(BIG)
    put(peer.drop, "personen_1.csv", content)
    terms = Terms(progress=dies_once(peer.server, BIG // 4), pause=lambda seconds: restarted(peer.server))
    (found,) = peer.fetch(tmp_path / "in", terms, pogingen=2)
    assert found.path.read_bytes() == content


def dies_once(server: Server, at: int) -> Callable[[str, int, int], None]:
    first = server.process.pid

    def progress(name: str, done: int, total: int) -> None:
        if done >= at and server.process.pid == first:
            server.kill()

    return progress


def restarted(server: Server) -> None:
    if server.process.poll() is not None:
        server.start()


def test_a_file_that_changed_between_two_attempts_starts_again(peer: Peer, tmp_path: Path) -> None:
    path = put(peer.drop, "personen_1.csv", os.urandom(BIG))
    with pytest.raises(InterruptedTransferError):
        peer.fetch(tmp_path / "in", replace(TERMS, progress=dies_at(peer.server, BIG // 4)))
    path.write_bytes(CSV)
    peer.server.start()
    (found,) = peer.fetch(tmp_path / "in")
    assert found.path.read_bytes() == CSV
    assert left_in(tmp_path / "in") == ["personen_1.csv"]


def test_a_part_that_was_damaged_is_found_by_its_checksum_and_fetched_again(peer: Peer, tmp_path: Path) -> None:
    content = os.urandom(BIG)
    put(peer.drop, "personen_1.csv", content)
    put(peer.drop, "personen_1.csv.sha256", hashlib.sha256(content).hexdigest().encode())
    with pytest.raises(InterruptedTransferError):
        peer.fetch(tmp_path / "in", replace(TERMS, progress=dies_at(peer.server, BIG // 4)))
    (part,) = (tmp_path / "in").iterdir()
    with part.open("r+b") as stream:
        stream.write(b"beschadigd")
    peer.server.start()
    (found,) = peer.fetch(tmp_path / "in")
    assert found.path.read_bytes() == content


def test_kmgb_is_killed_halfway_and_run_again(peer: Peer, tmp_path: Path) -> None:
    content = os.urandom(BIG)
    put(peer.drop, "personen_1.csv", content)
    child = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from test_fetch_transfer import PLAN, FtpsBron, SftpBron, Terms, fetch_ftps, fetch_sftp\n"
        "kind, fetch = {'sftp': (SftpBron, fetch_sftp), 'ftps': (FtpsBron, fetch_ftps)}[sys.argv[1]]\n"
        "die = lambda name, done, total: os.kill(os.getpid(), signal.SIGKILL) if done > total / 4 else None\n"
        "fetch(kind.model_validate_json(sys.argv[2]), PLAN, Path(sys.argv[3]), terms=Terms(progress=die))\n"
    )
    command = [sys.executable, "-c", child, peer.bron.soort, peer.bron.model_dump_json(), str(tmp_path / "in")]
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    assert subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": paths}).returncode == -signal.SIGKILL
    assert [name[:6] for name in left_in(tmp_path / "in")] == [".deel-"]
    (found,) = peer.fetch(tmp_path / "in")
    assert found.path.read_bytes() == content
    assert left_in(tmp_path / "in") == ["personen_1.csv"]


def freezes_at(server: Server, at: int) -> Callable[[str, int, int], None]:
    frozen: list[int] = []

    def progress(name: str, done: int, total: int) -> None:
        if done >= at and not frozen:
            frozen.append(done)
            server.freeze()

    return progress


def test_a_server_that_falls_silent_is_given_up(peer: Peer, tmp_path: Path) -> None:
    put(peer.drop, "personen_1.csv", os.urandom(BIG))
    freeze = replace(TERMS, progress=freezes_at(peer.server, BIG // 4))
    with pytest.raises(InterruptedTransferError, match=r"geen antwoord binnen 0.5 seconden\. Haal opnieuw op"):
        peer.fetch(tmp_path / "in", freeze, time_out=0.5)


def test_nobody_listens(peer: Peer, tmp_path: Path) -> None:
    with pytest.raises(InterruptedTransferError) as caught:
        peer.fetch(tmp_path / "in", poort=free_port())
    hint = "Controleer 'server' en 'poort', en of de firewall de verbinding toestaat."
    assert str(caught.value).endswith(f": de server is niet bereikbaar. {hint}")


def test_a_disk_that_fills_during_a_transfer(peer: Peer, tmp_path: Path) -> None:
    put(peer.drop, "personen_1.csv", bytes(3 * 2**20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(SourceError, match=r"^personen_1.csv: de schijf met .* is vol\."):
            peer.fetch(tmp_path / "in")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left_in(tmp_path / "in") == []
    assert names(peer.fetch(tmp_path / "in")) == ["personen_1.csv"]


# --- SFTP: who is who ---


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Peer]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = sshd_peer(folder)
    with running(made.server):
        put(made.drop, "personen_1.csv")
        yield made


def test_an_unknown_server_is_refused_with_the_line_that_trusts_it(sshd: Peer, tmp_path: Path) -> None:
    known = tmp_path / "bekend"
    with pytest.raises(SourceError) as caught:
        sshd.fetch(tmp_path / "in", bekende_servers=known)
    head, line = str(caught.value).split("\n")
    port = sshd.server.port
    assert head.startswith(f"localhost:{port}: onbekende server: zijn sleutel staat niet in {known}. Vergelijk de")
    assert line == sshd.server.known  # type: ignore[attr-defined]
    known.write_text(line + "\n")
    assert names(sshd.fetch(tmp_path / "in", bekende_servers=known)) == ["personen_1.csv"]


def test_a_server_with_another_key_than_before_is_refused_as_such(sshd: Peer, tmp_path: Path) -> None:
    known = tmp_path / "bekend"
    other = (sshd.drop.parent / "user.pub").read_text().rsplit(" ", 1)[0]
    known.write_text(f"[localhost]:{sshd.server.port} {other}\n")
    with pytest.raises(SourceError, match=r"toont een andere sleutel dan in .* staat: het kan een andere server zijn"):
        sshd.fetch(tmp_path / "in", bekende_servers=known)


def test_a_key_that_the_server_does_not_know(sshd: Peer, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ander"], check=True)
    with pytest.raises(SourceError) as caught:
        sshd.fetch(tmp_path / "in", sleutel=tmp_path / "ander")
    assert f"de server weigert gebruiker {sshd.bron.gebruiker!r}. Controleer de sleutel {tmp_path / 'ander'}" in str(
        caught.value
    )
    assert (caught.value.exit_code, caught.value.transient) == (3, False)


def test_a_key_behind_a_secret(sshd: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "slot"
    shutil.copy(sshd.bron.sleutel, locked)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSWORD, "-f", locked], check=True, capture_output=True)
    found = sshd.fetch(tmp_path / "in", sleutel=locked, sleutelwachtwoord="overdracht")
    assert names(found) == ["personen_1.csv"]
    with pytest.raises(SourceError, match="Geef met 'sleutelwachtwoord' het geheim dat hem opent"):
        sshd.fetch(tmp_path / "in", sleutel=locked)
    monkeypatch.setenv("KMGB_GEHEIM_OVERDRACHT", "iets-anders")
    with pytest.raises(SourceError, match="'sleutelwachtwoord' opent deze privésleutel niet") as caught:
        sshd.fetch(tmp_path / "in", sleutel=locked, sleutelwachtwoord="overdracht")
    assert "iets-anders" not in str(caught.value)


def test_a_private_key_that_others_can_read_is_not_used(sshd: Peer, tmp_path: Path) -> None:
    sshd.bron.sleutel.chmod(0o644)
    with pytest.raises(SourceError, match=r"ook voor anderen leesbaar\. Doe: chmod 600"):
        sshd.fetch(tmp_path / "in")


def test_a_password_lets_in_and_a_wrong_one_does_not(
    drop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(drop, "personen_1.csv")
    caplog.set_level(logging.DEBUG)
    with password_sftp(drop) as (port, known):
        (tmp_path / "bekend").write_text(known + "\n")
        bron = SftpBron(
            soort="sftp",
            server="localhost",
            poort=port,
            gebruiker=USER,
            wachtwoord="overdracht",
            bekende_servers=tmp_path / "bekend",
            map="/",
            rust=0,
            pogingen=1,
        )
        assert names(fetch_sftp(bron, PLAN, tmp_path / "in", terms=TERMS)) == ["personen_1.csv"]
        monkeypatch.setenv("KMGB_GEHEIM_OVERDRACHT", "Fout-4711")
        with pytest.raises(SourceError, match="Controleer het geheim 'overdracht'") as caught:
            fetch_sftp(bron, PLAN, tmp_path / "in", terms=TERMS)
    assert PASSWORD not in caplog.text
    assert "Fout-4711" not in caplog.text + str(caught.value)


# --- FTPS: certificates and sessions ---


def ftps_with(folder: Path, names: tuple[str, ...] = ("localhost",), **more: Any) -> Peer:
    folder.mkdir()
    made = ftps_peer(folder, names=names, **more)
    put(made.drop, "personen_1.csv")
    return made


@pytest.mark.parametrize(
    ("names", "more", "what"),
    [
        (("localhost",), {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, "is verlopen"),
        (("localhost",), {"not_before": datetime(2120, 1, 1, tzinfo=UTC)}, "geldt nog niet"),
        (("elders.example",), {}, "staat op een andere naam"),
    ],
    ids=["expired", "not yet", "wrong host"],
)
def test_a_certificate_that_is_not_good(
    tmp_path: Path, names: tuple[str, ...], more: dict[str, Any], what: str
) -> None:
    if "not_before" in more:
        more = more | {"not_after": datetime(2121, 1, 1, tzinfo=UTC)}
    if what == "is verlopen":
        more = more | {"not_before": datetime(2019, 1, 1, tzinfo=UTC)}
    made = ftps_with(tmp_path / "server", names, **more)
    with running(made.server), pytest.raises(SourceError) as caught:
        made.fetch(tmp_path / "in")
    place = f"ftps://localhost:{made.server.port}/uit"
    assert str(caught.value).startswith(f"{place}: het certificaat van de server {what}.")
    assert not caught.value.transient


def test_an_issuer_that_we_do_not_know(tmp_path: Path) -> None:
    made = ftps_with(tmp_path / "server")
    (tmp_path / "ander").mkdir()
    _, other = certificate(tmp_path / "ander", "localhost")
    with (
        running(made.server),
        pytest.raises(SourceError, match=r"wordt niet vertrouwd\. Zet het certificaat van de uitg"),
    ):
        made.fetch(tmp_path / "in", certificaten=other)


def test_a_wrong_password_is_refused_without_repeating_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ftps_with(tmp_path / "server")
    monkeypatch.setenv("KMGB_GEHEIM_OVERDRACHT", "Fout-4711")
    with running(made.server), pytest.raises(SourceError) as caught:
        made.fetch(tmp_path / "in")
    hint = "Controleer het geheim 'overdracht' en of het account niet geblokkeerd is."
    assert str(caught.value).endswith(f"de server weigert gebruiker 'kmgb'. {hint}")
    assert caught.value.__cause__ is None


def test_a_server_without_tls_gets_no_password(tmp_path: Path) -> None:
    made = ftps_with(tmp_path / "server")
    with running(made.server), pytest.raises(SourceError, match="een beveiligde verbinding komt niet tot stand"):
        made.fetch(tmp_path / "in", impliciet=True)


def test_vsftpd_really_demands_the_session(tmp_path: Path) -> None:
    """Without this the session that we use again would prove nothing."""
    from ftplib import FTP_TLS

    needed("vsftpd")
    made = vsftpd_peer(tmp_path)
    with running(made.server):
        client = FTP_TLS(context=ssl.create_default_context(cafile=made.bron.certificaten))
        client.connect("localhost", made.server.port, 5)
        client.login("anonymous", "x")
        client.prot_p()
        with pytest.raises(Exception, match="522 SSL connection failed: session reuse required"):
            client.nlst()
        client.close()
    shutil.rmtree(made.drop.parent)
