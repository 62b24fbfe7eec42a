"""Who may push the deliveries of an afnemer, and how large one may be. `docs/aanleveren-push.md` explains it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kmgb.geheim import Geheim


def _fingerprint(value: object) -> object:
    """64 hexadecimal digits, from what `openssl x509 -fingerprint -sha256` prints or the same behind `sha256:`."""
    if not isinstance(value, str):
        return value
    bare = value.strip().lower().removeprefix("sha256:").replace(":", "")
    if re.fullmatch(r"[0-9a-f]{64}", bare) is None:
        raise ValueError('is geen vingerafdruk; schrijf "sha256:" en 64 hexadecimale cijfers')
    return bare


def _as_list(value: object) -> object:
    """A single certificate where a list is allowed."""
    return (value,) if isinstance(value, str) else value


Vingerafdruk = Annotated[str, BeforeValidator(_fingerprint)]


class Aanleveren(BaseModel):
    """`token` is the name of a secret; `certificaat` are sha256 fingerprints of client certificates. One is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: Geheim = ""
    certificaat: Annotated[tuple[Vingerafdruk, ...], BeforeValidator(_as_list)] = ()
    grootste: int = Field(default=2 * 2**30, ge=1)
    peildatum_element: str = Field(default="tijdstipBericht", min_length=1)

    @model_validator(mode="after")
    def _some_proof(self) -> Aanleveren:
        if not self.token and not self.certificaat:
            raise ValueError("noem een token (de naam van een geheim), een certificaat, of beide")
        return self
