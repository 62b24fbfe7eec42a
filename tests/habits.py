"""Invented applications: the distribution's rows written by habits of their own, with planted faults and their truth.

The faults are planted in the values, before they are written down; so what is expected never depends on the habit.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oracle import flat

from kmgb.catalogue.fields import Catalogue, Entity, Field
from kmgb.compare.sets import SETS
from kmgb.normalise.text import decoder_table

GOALS = tuple(f"gebruiksdoel_{n}" for n in range(1, 6))
Row = dict[str, str]
Cell = tuple[str, str]


def _same(text: str) -> str:
    return text


@dataclass(frozen=True)
class Habit:
    """How one application writes, and what its mapping says about that."""

    name: str
    encoding: str = "utf-8"
    sign: str = ";"
    date: str = "{2}-{1}-{0}"
    date_notation: str = ""
    open_end: str = ""
    flags: Mapping[str, str] = field(default_factory=lambda: {"J": "1", "N": "0"})
    number: Callable[[str], str] = _same
    identifier: Callable[[str], str] = _same
    decimal: Callable[[str], str] = _same
    decimal_sign: str = "."
    words: bool = False
    one_goals_column: bool = False
    goal_order: bool = False
    nothing: str = ""
    upper: bool = False
    without_accents: bool = False
    width: int = 0
    decoder: str = ""
    nfd: bool = False
    postcode: str = "{} {}"
    plain_negative: bool = False  # writes nothing for N


HABITS = (
    Habit(
        "kaal", encoding="latin-1", open_end="31-12-9999", number=lambda v: f"{v},00", words=True, upper=True,
        identifier=lambda v: v.lstrip("0") or "0", without_accents=True, one_goals_column=True,
        decimal=lambda v: v.replace(".", ","), decimal_sign=",",
    ),
    Habit(
        "rekenblad", sign="\t", date="excel", date_notation="excel", flags={"J": "Ja", "N": "Nee"}, goal_order=True,
        identifier=lambda v: f"{v.lstrip('0') or '0'}.0" if len(v) < 16 else f"{v[:4]} {v[4:]}", nfd=True, width=24,
        decimal=lambda v: f"{float(v):,.3f}", postcode="{}{}",
    ),
    Habit(
        "oud", encoding="latin-1", sign="|", date="{0}{1}{2}", open_end="99991231", nothing="NULL",
        flags={"J": "waar", "N": "onwaar"}, decoder="teletex", goal_order=True, plain_negative=True,
        identifier=lambda v: f"{v[:4]}.{v[4:]}" if len(v) == 16 else v,
    ),
    Habit(
        "amerikaans", encoding="utf-8", sign=",", date="{1}/{2}/{0}", date_notation="mm-dd-jjjj", open_end="12/31/9999",
        flags={"J": "true", "N": "false"}, one_goals_column=True, decoder="html",
        number=lambda v: f"{v}.0", decimal=lambda v: f"{float(v):.1f}",
    ),
)  # fmt: skip


@dataclass
class Truth:
    """What a comparison must find; `noise` may be cosmetisch and nothing else."""

    missing: set[str] = field(default_factory=set)
    surplus: set[str] = field(default_factory=set)
    double: set[str] = field(default_factory=set)
    cells: dict[Cell, str] = field(default_factory=dict)
    noise: set[Cell] = field(default_factory=set)


class Town:
    """One entity, one habit, one seed: files and truth."""

    def __init__(self, entity: Entity, catalogue: Catalogue, habit: Habit, rows: list[Row], seed: int) -> None:
        self.entity, self.catalogue, self.habit = entity, catalogue, habit
        self.random = random.Random(f"{entity.name}/{habit.name}/{seed}")
        self.key = entity.primary.name
        self.fields = [entity[name] for name in rows[0]]
        self.ours = {row[self.key]: self._without_no_subnumber(row) for row in rows}
        self.theirs = {key: dict(row) for key, row in self.ours.items()}
        self.truth, self.twins = Truth(), list[Row]()

    def _without_no_subnumber(self, row: Row) -> Row:
        return row | {"subnummer": ""} if row.get("subnummer") == "0000" else row

    def plant(self) -> None:
        """Rows gone, added, damaged and doubled; then cells changed, emptied and filled; then mere noise."""
        keys = self.random.sample(sorted(self.ours), 15)
        for key in keys[:4]:
            del self.theirs[key]
            self.truth.missing.add(key)
        for key in keys[4:9]:
            new = self._free_key(key)
            self.theirs[new] = {**self.theirs[key], self.key: new}
            self.truth.surplus.add(new)
            if key in keys[4:6]:  # not another row but a damaged key
                del self.theirs[key]
                self.truth.missing.add(key)
        self.truth.double = set(keys[9:13])
        self.twins = [dict(self.theirs[key]) for key in keys[9:13]]
        touchable = sorted(self.ours.keys() - set(keys))
        for key in self.random.choices(touchable, k=40):
            self._fault(key, self.random.choice([f for f in self.fields if f.name != self.key]))
        sound = [(key, f.name) for key in touchable for f in self.fields if f.name != self.key]
        self.truth.noise = {cell for cell in self.random.sample(sound, 60) if cell not in self.truth.cells}

    def _free_key(self, key: str) -> str:
        while (new := f"{key[:6]}{self.random.randrange(10**9, 10**10 - 1)}"[: len(key)]) in self.ours:
            pass
        return new

    def _fault(self, key: str, changed: Field) -> None:
        row, name = self.theirs[key], changed.name
        if (key, name) in self.truth.cells or (
            name in GOALS and any((key, goal) in self.truth.cells for goal in GOALS)
        ):
            return
        old, new = row[name], self._other(changed, row)
        if new is None or self.write(changed, new) == self.write(changed, old):
            return
        row[name] = new
        written = self.write(changed, new) not in ("", self.habit.nothing, self.habit.open_end)
        kind = ("afwijkend" if written else "leeg_in_applicatie") if old else "leeg_in_bron"
        self.truth.cells[key, name] = kind

    def _other(self, changed: Field, row: Row) -> str | None:
        """Another value with another meaning, from another row; empty one time in five; None when there is none."""
        old = row[changed.name]
        if old and changed.nullable and self.random.random() < 0.2 and changed.name not in GOALS[:1]:
            return ""
        if changed.name in GOALS:
            held = {row[goal] for goal in GOALS}
            return (
                self.random.choice([c.code for c in self.catalogue.codes(changed) if c.code not in held])
                if old
                else None
            )
        if changed.datatype == "boolean" and old:
            return "N" if old == "J" else "J"
        values = sorted({other[changed.name] for other in self.ours.values()} | {c.code for c in self._codes(changed)})
        held = {row.get(name) for members in SETS if changed.name in members for name in members}
        far = [value for value in values if value and value not in held and self._apart(changed, old, value)]
        return self.random.choice(far) if far else None

    def _apart(self, changed: Field, old: str, new: str) -> bool:
        if changed.datatype in ("date", "partial_date"):
            return old[:4] != new[:4]
        if changed.datatype == "decimal":
            return not old or abs(float(old) - float(new)) > 2
        width = self.habit.width or 200
        a, b = (re.sub(r"[\W_]+", "", flat(value)[:width]).casefold().lstrip("0") for value in (old, new))
        return a != b and changed.name not in ("gebeurteniscode", "gebeurteniscode_bag", "rechtsvorm")

    def _codes(self, of: Field) -> tuple[str, ...]:
        return self.catalogue.codes(of) if of.datatype == "code" and of.name not in GOALS else ()

    def write(self, of: Field, value: str) -> str:
        """A value as this application writes it."""
        habit = self.habit
        if of.datatype in ("date", "partial_date"):
            return self._date(value) if value else (habit.open_end if "eind" in of.name else habit.nothing)
        if not value or (habit.plain_negative and of.datatype == "boolean" and value == "N"):
            return habit.nothing
        if of.datatype == "boolean":
            return habit.flags[value]
        if of.datatype == "decimal":
            return habit.decimal(value)
        if of.datatype == "integer":
            return habit.number(value)
        if "digits" in of.steps:
            return habit.identifier(value)
        if habit.words and self._codes(of):
            return self._word(of, value)
        if of.name == "postcode":
            return habit.postcode.format(value[:4], value[4:])
        return self._text(of, value)

    def _date(self, value: str) -> str:
        year, month, day = value[:4], value[-5:-3] if "-" in value else value[4:6], value[-2:]
        if self.habit.date == "excel" and "00" not in (month, day):
            return str((dt.date(int(year), int(month), int(day)) - dt.date(1899, 12, 30)).days)
        return ("{0}-{1}-{2}" if self.habit.date == "excel" else self.habit.date).format(year, month, day)

    def _word(self, of: Field, value: str) -> str:
        return f"C{[code.code for code in self._codes(of)].index(value) + 1}"

    def _text(self, of: Field, value: str) -> str:
        habit = self.habit
        if of.datatype in ("string", "composite"):
            value = flat(value) if habit.without_accents else value
            value = value.upper() if habit.upper else value
            value = value[: habit.width].rstrip() if habit.width else value
        if habit.decoder:
            table = {meant: written for written, meant in decoder_table(habit.decoder).items() if meant not in "&'\"<>"}
            value = "".join(table.get(letter, letter) for letter in value)
        return unicodedata.normalize("NFD", value) if habit.nfd else value

    def _noisy(self, of: Field, written: str) -> str:
        """A value against the application's own convention, with the same meaning."""
        if not written or written in (self.habit.nothing, self.habit.open_end):
            return written
        if of.datatype in ("string", "composite") and "digits" not in of.steps and not self.habit.decoder:
            return self.random.choice([f"{written}  ", written.lower(), written.upper()])
        return self.random.choice([f" {written}", f"{written} ", f"{written}\u00a0"])

    def lines(self) -> Iterator[list[str]]:
        """The application's dump: header and rows, columns and rows in an order of their own."""
        columns = self._columns()
        self.random.shuffle(columns)
        yield [*(name.upper() for name in columns), "GEBRUIKER"]
        rows = [*self.theirs.values(), *self.twins]
        self.random.shuffle(rows)
        for row in rows:
            written = self._goals({f.name: self._cell(f, row) for f in self.fields})
            yield [*(written[name] for name in columns), "SYSTEEM"]

    def _cell(self, of: Field, row: Row) -> str:
        written = self.write(of, row[of.name])
        return self._noisy(of, written) if (row[self.key], of.name) in self.truth.noise else written

    def _columns(self) -> list[str]:
        names = [f.name for f in self.fields]
        if self.habit.one_goals_column and GOALS[0] in names:
            return [*(name for name in names if name not in GOALS), "gebruiksdoelen"]
        return names

    def _goals(self, written: Row) -> Row:
        if GOALS[0] not in written:
            return written
        goals = [written[goal] for goal in GOALS if written[goal] not in ("", self.habit.nothing)]
        if self.habit.one_goals_column or self.habit.goal_order:
            self.random.shuffle(goals)
        padded = [*goals, *[self.habit.nothing] * (5 - len(goals))]
        return written | {"gebruiksdoelen": "|".join(goals)} | dict(zip(GOALS, padded, strict=True))

    def mapping(self) -> str:
        """The mapping file that says all this."""
        habit = self.habit
        general = {"codering": habit.encoding, "scheidingsteken": habit.sign, "decimaalteken": habit.decimal_sign}
        general |= {"datum": habit.date_notation} | ({"leeg": [habit.nothing]} if habit.nothing else {})
        general |= {"decodering": [habit.decoder]} if habit.decoder else {}
        fields = "".join(f"{quoted(name)} = {table(self._entry(name))}\n" for name in self._columns())
        return (
            f'[afnemer]\nnaam = "{habit.name}"\ntitel = "{habit.name}"\n[aanlevering]\n'
            + "".join(f"{name} = {quoted(value)}\n" for name, value in general.items())
            + f"[entiteit.{self.entity.name}]\nsleutel = [{quoted(self.key)}]\n"
            + f"[entiteit.{self.entity.name}.velden]\n{fields}"
        )

    def _entry(self, name: str) -> dict[str, object]:
        entry: dict[str, object] = {"kolom": name.upper()}
        if name == "gebruiksdoelen":
            return entry
        of, habit = self.entity[name], self.habit
        if of.datatype in ("date", "partial_date") and habit.open_end and "eind" in name:
            entry["leeg"] = [habit.open_end]
        if of.datatype == "boolean" and habit.plain_negative:
            entry["leeg_bij"] = ["N"]
        if habit.words and self._codes(of):
            entry["codes"] = {self._word(of, code.code): code.code for code in self._codes(of)}
        if of.datatype == "decimal":
            entry["tolerantie"] = 0.1
        if "digits" in of.steps and of.width is None and habit.identifier("01") != "01":
            entry["voorloopnullen"] = "weg"
        free = of.datatype in ("string", "composite") and "digits" not in of.steps and name != "postcode"
        if free and habit.without_accents:
            entry["diakrieten"] = "weg"
        if free and habit.upper:
            entry["letters"] = "hoofdletters"
        if free and habit.width:
            entry["breedte"] = habit.width
        return entry

    def deliver(self, folder: Path) -> tuple[Path, Path, Path]:
        """Write mapping, distribution and dump."""
        mapping, ours, theirs = folder / f"{self.habit.name}.toml", folder / "dds.csv", folder / "app.csv"
        mapping.write_text(self.mapping(), encoding="utf-8")
        with ours.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([f.label for f in self.fields])
            writer.writerows([row[f.name] for f in self.fields] for row in self.ours.values())
        with theirs.open("w", encoding=self.habit.encoding, newline="") as stream:
            csv.writer(stream, delimiter=self.habit.sign, lineterminator="\r\n").writerows(self.lines())
        return mapping, ours, theirs


def quoted(value: object) -> str:
    """A TOML value; JSON strings and lists are TOML too."""
    return json.dumps(value, ensure_ascii=False)


def table(values: Mapping[str, object]) -> str:
    """An inline TOML table."""
    cells = (f"{quoted(k)} = {table(v) if isinstance(v, Mapping) else quoted(v)}" for k, v in values.items())
    return "{ " + ", ".join(cells) + " }"
