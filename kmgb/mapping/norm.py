"""A norm: how good the data of an application must be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Norm(BaseModel):
    """`percentage`: of the compared values so many are good at least. `aantal`: so many findings at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percentage: float | None = Field(default=None, ge=0, le=100)
    aantal: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _something(self) -> Norm:
        if self.percentage is None and self.aantal is None:
            raise ValueError("noem een percentage, een aantal of beide")
        return self
