"""What i-Spiegel calls things -> what the catalogue calls them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from kmgb.catalogue.fields import Entity, plain_label

# The second part of a name such as BAG.Adres.Centric says what the rows are.
ENTITIES: Final = MappingProxyType(
    {
        "adres": "nummeraanduiding",
        "nummeraanduiding": "nummeraanduiding",
        "persoon": "personen",
        "verblijfsobject": "verblijfsobject",
        "ligplaats": "ligplaats",
        "standplaats": "standplaats",
        "pand": "pand",
        "bedrijf": "nnp",
        "vestiging": "nnp",
        "nietnatuurlijkpersoon": "nnp",
        "nnp": "nnp",
    }
)
# The parts of an address that is one field of the catalogue.
_ADDRESS = {
    "openbareruimtenaam": "straat",
    "straatnaam": "straat",
    "huisnummer": "huisnummer",
    "huisletter": "huisletter",
    "huisnummertoevoeging": "toevoeging",
    "toevoeging": "toevoeging",
    "aanduiding": "aanduiding",
    "postcode": "postcode",
    "woonplaatsnaam": "woonplaats",
}
_FIELDS = {
    "personen": {
        "anummer": "a_nummer",
        "administratienummer": "a_nummer",
        "sofinummer": "bsn",
        "voornaam": "voornamen",
        "geslachtsnaam": "geslachtsnaam_diacriet",
        "achternaam": "geslachtsnaam_diacriet",
        "voorvoegsels": "voorvoegsel",
        "geheim": "indicatie_geheim",
        "geslachtsaanduiding": "geslacht",
        "overlijdensdatum": "datum_overlijden",
        "nummeraanduidingid": "id_codes_verblijfadres.nummeraanduiding",
        "adressseerbaarobjectid": "id_codes_verblijfadres.adresseerbaar_object",
        "adresseerbaarobjectid": "id_codes_verblijfadres.adresseerbaar_object",
        **{theirs: f"verblijfsadres/{part}" for theirs, part in _ADDRESS.items()},
    },
    "nummeraanduiding": {
        "nummeraanduidingid": "identificatie_nummeraanduiding",
        "adressseerbaarobjectid": "identificatie_tgo",
        "adresseerbaarobjectid": "identificatie_tgo",
        "openbareruimtenaam": "naam_or",
        "woonplaatsnaam": "naam_woonplaats",
        "huisnummertoevoeging": "toevoeging",
        "indauthentiek": "indicatie_authentiek",
    },
    "verblijfsobject": {
        "verblijfsobjectid": "id_verblijfsobject",
        "adressseerbaarobjectid": "id_verblijfsobject",
        "nummeraanduidingid": "id_hoofdadres",
        "vloeroppervlakte": "oppervlakte",
    },
    "ligplaats": {"ligplaatsid": "id_ligplaats", "nummeraanduidingid": "id_hoofdadres"},
    "standplaats": {"standplaatsid": "id_standplaats", "nummeraanduidingid": "id_hoofdadres"},
    "pand": {"pandid": "id_pand", "bouwjaar": "bouwjaar_pand"},
    "nnp": {"kvknummer": "dossiernummer", **{theirs: f"verblijfsadres/{part}" for theirs, part in _ADDRESS.items()}},
}


def entity_of(source: str) -> str:
    """The entity of a source by its name; empty when the name does not say it."""
    parts = [ENTITIES[plain] for part in source.split(".") if (plain := plain_label(part)) in ENTITIES]
    return parts[0] if parts else ""


def field_of(name: str, entity: Entity) -> str:
    """The field (`veld`), or the part of an address (`veld/onderdeel`), that i-Spiegel calls so; empty for none."""
    known = _FIELDS.get(entity.name, {}).get(plain_label(name))
    if known:
        return known
    field = entity.by_label(name)
    return field.name if field is not None else ""
