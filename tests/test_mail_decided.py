"""A mail asks nothing about what was accepted, and says once what stays as it is: a wrong column, a norm that is not met."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path

import packs
import pytest
from servers_mail import parsed

from kmgb.run import norms
from kmgb.run.check import check
from kmgb.run.mail_post import outbox_of, write_due
from kmgb.run.municipality import Municipality
from kmgb.settings import Mail, Settings
from kmgb.store.suppression import Pattern

FIRST = date(2026, 9, 7)
NAMES = ("Jan", "Piet", "Ans", "Eva", "Kees", "Rik", "Tom", "Lot", "Mia", "Noor")
VOORNAMEN = Pattern("belasting", "personen", field="voornamen")


def numbers(count: int) -> list[str]:
    """Invented BSNs that pass the elfproef."""
    tried = (f"{number:09}" for number in range(999900000, 999999999))
    right = (one for one in tried if (sum((9 - at) * int(one[at]) for at in range(8)) - int(one[8])) % 11 == 0)
    return [next(right) for _ in range(count)]


BSNS = numbers(60)


class Town:
    """One application beside the distribution, checked on some days."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        (folder / "mappings").mkdir(parents=True)
        for naam, rol in (("distributie", "distributie"), ("belasting", "afnemer")):
            text = packs._MAPPING.format(naam=naam, rol=rol)
            text = text.replace(
                "[entiteit", f'contact = "fb-{naam}@x.nl"\n{more if rol == "afnemer" else ""}[entiteit', 1
            )
            (folder / "mappings" / f"{naam}.toml").write_text(text, encoding="utf-8")
        self.municipality = Municipality(
            Settings(
                mappings=folder / "mappings", dumps=folder, data=folder / "data", output=folder / "uit",
                templates=packs.ROOT / "reports", mail=Mail(van="kmgb@x.nl", smtp="smtp://localhost"),
            )
        )  # fmt: skip

    def day(self, number: int, rows: int, other: dict[int, str], without: tuple[int, ...] = ()) -> str:
        """Check on day `number`; what the mail of that day says, or nothing when there is none."""
        day = FIRST + timedelta(days=number)
        self.write("distributie", day, [(at, NAMES[at % 10]) for at in range(rows)])
        self.write("belasting", day, [(at, other.get(at, NAMES[at % 10])) for at in range(rows) if at not in without])
        assert [
            one.error for one in check(self.municipality, now=datetime.combine(day, time(9), UTC)) if one.error
        ] == []
        written, _ = write_due(self.municipality, datetime.combine(day, time(12), UTC))
        assert written in (0, 1)
        return said(parsed(outbox_of(self.municipality).listed(1)[0].content)) if written else ""

    def write(self, naam: str, day: date, rows: list[tuple[int, str]]) -> None:
        lines = [f"{BSNS[at]},{name},Kerkweg {at + 1},0,M\n" for at, name in rows]
        path = self.folder / f"{naam}_{day:%Y%m%d}.csv"
        path.write_text(f"BSN,VN,ADRES,GEHEIM,G\n{''.join(lines)}", encoding="utf-8")

    def accept(self, number: int) -> None:
        self.municipality.history.decisions.accept_pattern(
            VOORNAMEN, reason="afgesproken", who="M. de Vries", last_day=date(2026, 12, 31), zone="Europe/Amsterdam",
            now=datetime.combine(FIRST + timedelta(days=number), time(13), UTC),
        )  # fmt: skip


def said(message: EmailMessage) -> str:
    text = message.get_body(("plain",))
    assert text is not None
    return f"{message['Subject']}\n{text.get_content()}"


def scrambled(rows: int) -> dict[int, str]:
    return {at: f"X{NAMES[(at * 7 + 3) % 10]}{'abcdefghij'[at % 10]}" for at in range(rows)}


@pytest.mark.parametrize("accepted", [False, True])
def test_a_wrong_column_is_news_once(tmp_path: Path, accepted: bool) -> None:
    town = Town(tmp_path)
    first = town.day(0, 40, scrambled(40))
    assert "1 veld lijkt verkeerd toegewezen" in first
    assert "Kies in de veldtoewijzing de juiste kolom" in first
    if accepted:
        town.accept(0)
    assert [town.day(7 * week, 40 + week, scrambled(40 + week)) for week in (1, 2)] == ["", ""]


def test_the_advice_is_about_what_is_left(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.day(0, 40, {1: "Zz"})
    town.accept(0)
    found = town.day(7, 41, dict.fromkeys(range(1, 7), "Zz"), without=(40,))
    assert "1 nieuw" in found and "1 openstaand" in found
    assert "Doen: Laat de gegevens herzenden" in found


def test_a_norm_that_stays_unmet_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when more runs ago than are read at a time."""
    monkeypatch.setattr(norms, "_CHUNK", 2)
    town = Town(tmp_path, "norm = { aantal = 0 }\n")
    first = town.day(0, 6, {1: "Zz"})
    assert first.startswith("Consistentiecontrole belasting: 1 nieuw, 1 norm niet gehaald\n")
    assert [town.day(day, 6, {1: "Zz"}) for day in range(1, 7)] == [""] * 6
    (line,) = norms.norm_lines(town.municipality, datetime.combine(FIRST + timedelta(days=6), time(12), UTC))
    assert (line.woord, line.sinds) == ("niet gehaald", FIRST)
