"""LEESMIJ.md: what every file and column of the pack is, and how to prove without kmgb that it is whole."""

from __future__ import annotations

from collections.abc import Mapping

from kmgb.report.pack.forms import form_names
from kmgb.report.pack.manifest import AUDIT, MANIFEST, SUMS, Asked
from kmgb.report.pack.tables import TABLES, Table

_FILES: Mapping[str, str] = {
    MANIFEST: "wat er gevraagd is, elk bestand met sha256, bytes en rijen, en per run de aantallen uit het verslag",
    SUMS: "dezelfde sommen voor `sha256sum -c`; alleen manifest.json staat er niet in",
    AUDIT: "de regels van het auditlog zelf, letter voor letter",
    "veldtoewijzingen/<sha256>.toml": "de veldtoewijzingen waarmee runs gemaakt zijn, letter voor letter",
    "kruiscontroles/<sha256>.toml": "de kruiscontroles, letter voor letter",
    "catalogus/<sha256>-catalogus.csv": "de catalogus: de velden en hun regels",
    "catalogus/<sha256>-codelijsten.csv": "de codelijsten bij de catalogus",
}


def readme(asked: Asked) -> str:
    """The whole text. It depends on what was asked only, not on when."""
    whom = ", ".join(asked.afnemers) or "alle afnemers"
    roles = f" (rol: {', '.join(asked.rollen)})" if asked.rollen else ""
    shown = (
        "Waarden van velden die de catalogus gevoelig noemt (BSN, A-nummer, adres, geheimhouding) en sleutels zijn "
        "afgedekt met •••; namen en datums niet. Het nummer (`id`) wijst een bevinding aan."
        if asked.waarden == "afgedekt"
        else "**Alle waarden staan er open in.** Bewaar dit pakket waar de dumps zelf ook mogen staan."
    )
    parts = [
        "# Bewijspakket van kmgb",
        f"Periode {asked.van} tot en met {asked.tot} ({asked.tijdzone}), {whom}{roles}. {shown} Vrije teksten van "
        "medewerkers (redenen, opmerkingen) staan er zoals zij geschreven zijn.",
        _VERIFY,
        "## Bestanden",
        "\n".join(f"- `{name}`: {meaning}." for name, meaning in _FILES.items()),
        _FORMS,
        *(_of_table(table) for table in TABLES.values()),
    ]
    return "\n\n".join(parts) + "\n"


_VERIFY = f"""## Is het heel?

Met kmgb: `kmgb history verify PAKKET.zip --manifest-sha256 SOM`. De som van {MANIFEST} is bij het maken getoond
en staat in het auditlog (`bewijs uitgevoerd`). Zonder kmgb, in de uitgepakte map:

```sh
sha256sum -c {SUMS}      # elk bestand is wat het was
sha256sum {MANIFEST}   # vergelijk met de som in het auditlog
```

De aantallen van een run R volgen uit `bevindingen`, `versies` en `onbekend`. Neem de bevindingen met dezelfde `afnemer`
en `entity` als R: de nummers van runs lopen door alle controles heen. Zij telt mee als `opened_run` ten hoogste R is,
`closed_run` leeg of groter dan R is, en zij niet bij R in `onbekend` staat; haar soort is die van haar laatste rij in
`versies` met `run_id` ten hoogste R. De som per soort staat in `tellingen` (groep `soorten`) en in {MANIFEST}.

Elke regel van het auditlog noemt in `vorige` de sha256 van de regel ervoor, zonder het regeleinde. De keten is aan de
randen van de periode doorgesneden, nooit daartussen: `audit.na` in {MANIFEST} is de som van de laatste regel vóór de
eerste hier (64 nullen als die er niet is), `audit.laatste` die van de laatste regel. Sluit het pakket van de volgende
periode aan, dan is zijn `na` gelijk aan deze `laatste`."""

_FORMS = """## Tabellen

Elke tabel staat er drie keer, met dezelfde rijen: als CSV (UTF-8, komma's, RFC 4180), als JSON (één object per regel)
en als Parquet. Momenten zijn in UTC. In de CSV staat een apostrof voor wat een rekenblad voor een formule zou houden;
niets is leeg, en een lege tekst is `""`. De namen van de kolommen zijn die van de geschiedenis."""


def _of_table(table: Table) -> str:
    files = ", ".join(f"`{name}`" for name in form_names(table).values())
    rows = "\n".join(f"| `{one.name}` | {one.kind} | {one.meaning} |" for one in table.columns)
    return f"### {table.name}\n\n{table.meaning} {files}\n\n| kolom | type | betekenis |\n|---|---|---|\n{rows}"
