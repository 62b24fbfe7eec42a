"""A small town with a history in which everything happens that a pack must tell, and packs read by other means."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from kmgb.arrival.audit import AUDIT_FILE, record
from kmgb.arrival.decide import decide
from kmgb.run.check import check
from kmgb.run.municipality import Municipality
from kmgb.settings import Settings
from kmgb.store.suppression import Pattern

ROOT = Path(__file__).parents[1]
FIRST = date(2026, 11, 2)
_MAPPING = """
[afnemer]
naam = "{naam}"
titel = "{naam}"
rol = "{rol}"
[entiteit.personen]
bestand = "{naam}_*.csv"
onveranderd = true
sleutel = ["bsn"]
peildatum_uit_naam = '(\\d{{8}})'
velden = {{ bsn = "BSN", voornamen = "VN", verblijfsadres = "ADRES", indicatie_geheim = "GEHEIM", geslacht = "G" }}
"""
_SOURCE = """BSN,VN,ADRES,GEHEIM,G
999900067,Jan,Kerkweg 1,0,M
999900079,Piet,Kerkweg 2,0,M
999900092,Ans,Kerkweg 3,0,V
999900109,Eva,Kerkweg 4,7,V
999900110,Kees,Kerkweg 5,0,M
"""
# What the application has on each day. The third is half empty (quarantaine, released on the fourth day).
_HELD = (
    _SOURCE.replace("Jan", "Jam").replace("Kerkweg 3", "Dorp 3").replace("999900110,Kees,Kerkweg 5,0,M\n", ""),
    _SOURCE.replace("Jan", "Jom").replace("Kerkweg 3", "Dorp 3").replace("Piet", "Pit")
    + "999900067,Jan,Kerkweg 1,0,M\n",  # a key that occurs twice: its finding cannot be judged
    _SOURCE.partition("999900092")[0],
    _SOURCE.replace("Kerkweg 3", "Dorp 3").replace("Eva", "Ewa"),
    _SOURCE.replace("Jan", "Jam").replace("Kerkweg 3", "Dorp 3"),  # back again
)
WHO = "M. de Vries"


@dataclass
class Town:
    """The town, its days, the texts that were replaced, and what acceptances hid: decision, about, findings."""

    municipality: Municipality
    days: list[date]
    earlier_texts: list[bytes] = field(default_factory=list)
    hidden: list[tuple[str, str, str]] = field(default_factory=list)


def play(folder: Path, days: int = len(_HELD), *, checks: bool = True) -> Town:
    """The days checked one by one, with decisions in between; without `checks` there are no kruiscontroles."""
    (folder / "mappings" / "kruiscontroles").mkdir(parents=True)
    text = (ROOT / "mappings" / "kruiscontroles" / "kruiscontroles.toml").read_bytes()
    if checks:
        (folder / "mappings" / "kruiscontroles" / "kruiscontroles.toml").write_bytes(text)
    for naam, rol in (("distributie", "distributie"), ("belasting", "afnemer")):
        (folder / "mappings" / f"{naam}.toml").write_text(_MAPPING.format(naam=naam, rol=rol), encoding="utf-8")
    settings = Settings(mappings=folder / "mappings", dumps=folder, data=folder / "data", output=folder / "uit")
    town = Town(Municipality(settings), [FIRST + timedelta(days=7 * number) for number in range(days)])
    for number, day in enumerate(town.days):
        now = datetime.combine(day, time(9), UTC)
        for naam, text in (("distributie", _SOURCE), ("belasting", _HELD[number])):
            (folder / f"{naam}_{day:%Y%m%d}.csv").write_text(text, encoding="utf-8")
        if number == 4:
            path = folder / "mappings" / "belasting.toml"
            town.earlier_texts.append(path.read_bytes())
            path.write_bytes(path.read_bytes() + b"# toegelicht\n")
            town.municipality = Municipality(settings)
        faults = [one.error for one in check(town.municipality, now=now) if one.error is not None]
        assert faults == []
        _decide(town, number, now + timedelta(hours=1))
    return town


def _decide(town: Town, number: int, now: datetime) -> None:
    """What people decide after each day."""
    municipality = town.municipality
    decisions, zone = municipality.history.decisions, municipality.settings.timezone
    (newest,) = municipality.history.runs("belasting", 1)
    ids = dict(municipality.history.findings(newest, now).select("kind", "id").iter_rows())
    last = date(2026, 12, 31)
    record(municipality.settings.data / AUDIT_FILE, "rapport bekeken", f"run {newest.id}", who=WHO, why="week", now=now)
    if number == 0:
        pattern = Pattern("belasting", "personen", field="verblijfsadres", values=("Kerkweg 3", "Dorp 3"))
        decisions.accept_pattern(pattern, reason="=1+1", who=WHO, last_day=last, zone=zone, now=now)
        decisions.accept([ids["ontbreekt"]], reason="loopt", who=WHO, last_day=last, zone=zone, now=now)
        decisions.assign([ids["ontbreekt"]], to="team", who=WHO, now=now)
    if number == 1:
        decisions.withdraw(2, reason="toch fout", who=WHO, now=now)
    if number == 2:
        _release(municipality, now)
    # The acceptance of the address holds in every later run of the application; that of the row in the second alone.
    town.hidden = [("1", "patroon", "1"), ("2", "bevinding", "0"), ("1", "patroon", "0"), *[("1", "patroon", "1")] * 2]


def _release(municipality: Municipality, now: datetime) -> None:
    """Let through what is in quarantaine, and write it in the audit log."""
    refused = [
        path.parent.name
        for path in municipality.landing.glob("*/*/*/manifest.json")
        if json.loads(path.read_text(encoding="utf-8"))["status"] == "quarantaine"
    ]
    audit = municipality.settings.data / AUDIT_FILE
    assert len(refused) == 1
    decide(municipality.landing, audit, refused, "vrijgegeven", who=WHO, why="klopt", now=now)


def contents(pack: Path) -> dict[str, bytes]:
    """Every file of a pack."""
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows_of(pack: Path, table: str) -> list[dict[str, str]]:
    """The rows of a table's CSV."""
    text = contents(pack)[f"csv/{table}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def parquet(pack: Path, table: str) -> pl.DataFrame:
    """The rows of a table's Parquet."""
    return pl.read_parquet(contents(pack)[f"parquet/{table}.parquet"])


def repacked(pack: Path, out: Path, change: Callable[[dict[str, bytes]], None], *, sums: bool = False) -> Path:
    """The pack with other contents; with `sums` the manifest and SHA256SUMS are made to fit again."""
    files = contents(pack)
    change(files)
    if sums:
        _fit(files)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out


def _fit(files: dict[str, bytes]) -> None:
    manifest = json.loads(files["manifest.json"])

    def sums(but: str) -> Mapping[str, str]:
        return {n: hashlib.sha256(c).hexdigest() for n, c in files.items() if n not in ("manifest.json", but)}

    lines = (f"{sha256}  {name}\n" for name, sha256 in sorted(sums("SHA256SUMS").items()))
    files["SHA256SUMS"] = "".join(lines).encode()
    for entry in manifest["bestanden"]:
        if entry["naam"] in files:
            content = files[entry["naam"]]
            entry |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    files["manifest.json"] = json.dumps(manifest).encode()
