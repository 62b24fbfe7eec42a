"""Everything one municipality needs for its checks, opened once: settings, catalogue, mappings, history."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kmgb.catalogue.fields import Catalogue, load_catalogue
from kmgb.crosscheck.load import CROSSCHECK_FILE, load_crosschecks
from kmgb.crosscheck.model import CrossChecks
from kmgb.errors import MappingError, Problem, SettingsError, nearest
from kmgb.mapping.load import load_mappings
from kmgb.mapping.model import Mapping
from kmgb.settings import Settings
from kmgb.sources.delivered import Limits
from kmgb.store.database import open_database
from kmgb.store.runs import History
from kmgb.store.secrets import open_vault


@dataclass(frozen=True)
class Municipality:
    """Opened settings; what is dear to open (the mappings, the history) is opened when first asked for."""

    settings: Settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue of Bijlage 2."""
        return load_catalogue()

    @cached_property
    def mappings(self) -> dict[str, Mapping]:
        """All mappings by name. Raises: MappingError listing the faults of all files."""
        found = load_mappings(self.settings.mappings, self.catalogue)
        if not found:
            raise SettingsError(
                f"Geen veldtoewijzingen in {self.settings.mappings}. Maak een werkmap met: kmgb init MAP"
            )
        return found

    @cached_property
    def crosschecks(self) -> CrossChecks:
        """The kruiscontroles; none when the municipality has no file with them. Raises: CrossCheckError."""
        path = self.settings.mappings / CROSSCHECK_FILE
        return load_crosschecks(path, self.catalogue) if path.exists() else CrossChecks((), path, "")

    @cached_property
    def history(self) -> History:
        """The history, its tables up to date. Raises: StoreError."""
        vault = open_vault(self.settings.key.get_secret_value(), self.settings.data / "sleutel")
        return History(open_database(self.settings.database_url), vault)

    @property
    def landing(self) -> Path:
        """The folder with aanleveringen."""
        return self.settings.data / "aanleveringen"

    @property
    def limits(self) -> Limits:
        """The sizes that are accepted."""
        s = self.settings
        return Limits(max_cell=s.max_cell, max_unpacked=s.max_unpacked, max_ratio=s.max_ratio)

    @property
    def afnemers(self) -> tuple[str, ...]:
        """The names of the applications, without the distribution system and the registers."""
        return tuple(name for name, mapping in self.mappings.items() if mapping.afnemer.rol == "afnemer")

    def afnemer(self, name: str) -> Mapping:
        """The mapping of one application. Raises: SettingsError with the nearest known names."""
        if name not in self.afnemers:
            known = ", ".join(self.afnemers)
            hint = nearest(name, self.afnemers)
            raise SettingsError(f"{name!r} is geen afnemer. {hint} Bekend zijn: {known}.")
        return self.mappings[name]

    def controle(self, name: str) -> Mapping:
        """The mapping under whose name there can be a controle: also a register's, or the distribution's own.

        Raises: SettingsError with the nearest known names.
        """
        return self.mappings[name] if name in self.mappings else self.afnemer(name)

    def distributie(self, afnemer: Mapping) -> Mapping:
        """The mapping of the distribution system this application is fed by: the named one, or the only one."""
        systems = [mapping for mapping in self.mappings.values() if mapping.afnemer.rol == "distributie"]
        chosen = [mapping for mapping in systems if afnemer.distributie in ("", mapping.naam)]
        if len(chosen) != 1:
            known = ", ".join(mapping.naam for mapping in systems) or "geen"
            what = f'noem met `distributie = "..."` welk systeem deze applicatie voedt (bekend: {known}).'
            raise MappingError(afnemer.path, [Problem("distributie", what)])
        return chosen[0]

    def registers(self, entity: str) -> tuple[Mapping, ...]:
        """The registers that deliver an export of this entity themselves."""
        listed = (mapping for mapping in self.mappings.values() if mapping.afnemer.rol == "register")
        return tuple(mapping for mapping in listed if entity in mapping.entiteit)
