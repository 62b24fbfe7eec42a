"""A delivery beside the last accepted one: the signals, and how each column changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from kmgb.arrival.band import Band
from kmgb.arrival.manifest import Manifest
from kmgb.arrival.profile import ColumnProfile, Profile
from kmgb.arrival.signals import Signal

FAULTY_PERCENT = 5.0
_MOSTLY, _POINTS, _ENOUGH = 0.5, 10.0, 20  # filled before; fewer percent valid than before; cells to judge by


@dataclass(frozen=True, slots=True)
class Beside:
    """What a new delivery is held against: the last accepted one and its profile, the band, the zone of sentences.

    `unchanged`: the same content may come again, by agreement or because it was read from the application itself.
    """

    manifest: Manifest
    profile: Profile | None
    band: Band
    zone: str
    unchanged: bool


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """One column now and before; None where there is no such column."""

    name: str
    now: ColumnProfile | None
    before: ColumnProfile | None


def signals(
    manifest: Manifest, columns: Sequence[ColumnProfile], encoding: str, beside: Beside | None
) -> Iterator[Signal]:
    """Everything noteworthy about a delivery that could be read, in the order in which stewards should read it."""
    yield from _by_itself(manifest)
    if beside is None:
        return
    yield from _rows(manifest, beside)
    yield from _moment_and_content(manifest, beside)
    yield from _schema(manifest, beside.manifest)
    yield from _encoding(manifest, encoding, beside)
    yield from _emptied(manifest, beside.manifest)
    if beside.profile is not None:
        changes = column_changes(columns, beside.profile.columns)
        yield from _drained(changes, manifest.rows, beside.profile.rows, set(manifest.filled))
        yield from _less_valid(changes)


def column_changes(now: Sequence[ColumnProfile], before: Sequence[ColumnProfile]) -> list[ColumnChange]:
    """Every column of either side, those of now first."""
    new, old = ({column.name: column for column in side} for side in (now, before))
    return [ColumnChange(name, new.get(name), old.get(name)) for name in dict.fromkeys([*new, *old])]


def _by_itself(manifest: Manifest) -> Iterator[Signal]:
    rows, faulty = manifest.rows, manifest.faulty_rows
    if rows == 0:
        yield Signal("leeg", "De aanlevering heeft geen rijen.", refuses=True)
    elif faulty * 100 > rows * FAULTY_PERCENT:
        sentence = f"{faulty} van {rows} rijen zijn niet goed te lezen (meer dan {FAULTY_PERCENT:g} %)."
        yield Signal("onleesbaar", sentence, refuses=True)


def _rows(manifest: Manifest, beside: Beside) -> Iterator[Signal]:
    before, band = beside.manifest.rows, beside.band
    if manifest.rows < before * (100 - band.percent) / 100:
        sentence = f"{manifest.rows} rijen; de vorige keer {before}. Dat is meer dan {band.percent:g} % minder."
        learned = f" Die band is {band.origin}." if band.origin.startswith("geleerd") else ""
        yield Signal("gekrompen", sentence + learned, refuses=True)


def _moment_and_content(manifest: Manifest, beside: Beside) -> Iterator[Signal]:
    previous = beside.manifest
    if manifest.peildatum < previous.peildatum:
        day = previous.peildatum.astimezone(ZoneInfo(beside.zone))
        sentence = f"De peildatum ligt voor die van de vorige geaccepteerde aanlevering ({day:%Y-%m-%d})."
        yield Signal("ouder", sentence, refuses=True)
    same = manifest.sha256 == previous.sha256 and _lookup_content(manifest) == _lookup_content(previous)
    if same and manifest.peildatum > previous.peildatum:
        what = "De inhoud is gelijk aan de vorige geaccepteerde aanlevering, maar de peildatum is nieuwer."
        hint = (
            "" if beside.unchanged else " Kan dat bij deze entiteit, zet dan onveranderd = true in de veldtoewijzing."
        )
        yield Signal("tweemaal_hetzelfde", what + hint, refuses=not beside.unchanged)


def _schema(manifest: Manifest, previous: Manifest) -> Iterator[Signal]:
    new = [name for name in dict.fromkeys(manifest.columns) if name not in previous.columns]
    gone = [name for name in dict.fromkeys(previous.columns) if name not in manifest.columns]
    parts = [f"{label}: {_listed(names)}" for label, names in (("nieuw", new), ("verdwenen", gone)) if names]
    if parts:
        yield Signal("schema_gewijzigd", f"Andere kolommen dan de vorige keer; {'; '.join(parts)}.", refuses=False)


def _encoding(manifest: Manifest, encoding: str, beside: Beside) -> Iterator[Signal]:
    """Text in another encoding than before is read wrongly throughout, unless the mapping changed along with it."""
    before = beside.profile.encoding if beside.profile is not None else ""
    if encoding and before and encoding != before:
        agreed = manifest.reader.get("codering") != beside.manifest.reader.get("codering")
        hint = "" if agreed else " Pas 'codering' in de veldtoewijzing aan, of vraag de vorige codering terug."
        sentence = f"De tekst is nu vermoedelijk {encoding}; de vorige keer {before}.{hint}"
        yield Signal("andere_codering", sentence, refuses=not agreed)


def _emptied(manifest: Manifest, previous: Manifest) -> Iterator[Signal]:
    emptied = [name for name in previous.filled if name in manifest.kept and name not in manifest.filled]
    if emptied and manifest.rows:
        yield Signal("kolom_leeg", f"Eerder gevuld en nu geheel leeg: {', '.join(map(repr, emptied))}.", refuses=True)


def _drained(changes: Sequence[ColumnChange], rows: int, rows_before: int, filled: set[str]) -> Iterator[Signal]:
    """Columns that were mostly filled and lost more than half of that; wholly empty ones are refused already."""
    for change in changes:
        if change.now is None or change.before is None or change.name not in filled or not rows or not rows_before:
            continue
        now, before = 1 - change.now.empty / rows, 1 - change.before.empty / rows_before
        if before >= _MOSTLY and now < before / 2:
            sentence = f"Kolom {change.name!r} was voor {before:.0%} gevuld en nu voor {now:.0%}."
            yield Signal("kolom_leeg", sentence.replace("%", " %"), refuses=False)


def _less_valid(changes: Sequence[ColumnChange]) -> Iterator[Signal]:
    for change in changes:
        now, before = valid_percent(change.now), valid_percent(change.before)
        if now is None or before is None or change.now is None or change.now.judged < _ENOUGH:
            continue
        if now < before - _POINTS:
            sentence = f"Van kolom {change.name!r} was {before:.0f} % van de waarden geldig en nu {now:.0f} %."
            yield Signal("minder_geldig", sentence, refuses=False)


def valid_percent(column: ColumnProfile | None) -> float | None:
    """The share of valid values of those that can be judged; None when none can be."""
    return column.valid * 100 / column.judged if column is not None and column.judged else None


def _lookup_content(manifest: Manifest) -> list[str]:
    return [lookup.sha256 for lookup in manifest.lookups]


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(map(repr, names[:most])) + (f" en {len(names) - most} andere" if len(names) > most else "")
