"""The application behind all web pages and the API of one municipality."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from kmgb.run.municipality import Municipality
from kmgb.run.receive import sweep_all
from kmgb.run.suppliers import suppliers
from kmgb.web import openapi
from kmgb.web.deliveries import routes
from kmgb.web.desk import Desk, Pace
from kmgb.web.guard import Guard
from kmgb.web.problems import RefusalError


class App(FastAPI):
    """FastAPI, whose description also tells how one proves who one is."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = openapi.described(self.routes)
        return self.openapi_schema


def create_app(municipality: Municipality, *, pace: Pace | None = None) -> FastAPI:
    """The application, with what killed servers left halfway taken away.

    Raises: MappingError, SettingsError when a mapping or a secret is not right: better now than at the first push.
    """
    desk = Desk(municipality, suppliers(municipality), pace or Pace())
    sweep_all(municipality)
    app = App(**openapi.ABOUT, exception_handlers={HTTPException: _refused}, redirect_slashes=False)
    app.include_router(routes(desk))
    app.add_middleware(Guard)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: another address, another method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return RefusalError("methode", "Zie /api/v1/openapi.json voor wat hier kan.", headers=error.headers).response()
    return RefusalError("onbekend", "Dit adres is er niet. Zie /api/v1/openapi.json voor de adressen.").response()
