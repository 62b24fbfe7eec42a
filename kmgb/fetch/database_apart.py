"""Reading in a process of its own, for a driver that takes its process down with it.

psqlodbc (13.02, Debian 12) ends in a segmentation fault when its connection is cut inside a cursor. Here that is an
error as any other. The request, with the secret, goes in over standard input; lines of JSON come back.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from kmgb.errors import SourceError
from kmgb.fetch.database_errors import DatabaseError, broken
from kmgb.fetch.database_odbc import Opened
from kmgb.fetch.database_reading import Progress, Read, Wanted, read_into
from kmgb.fetch.database_systems import Column
from kmgb.mapping.bronnen.database import DatabaseBron
from kmgb.sources.delivered import Limits

APART = ("postgresql",)


def read_apart(bron: DatabaseBron, password: str, path: Path, wanted: Wanted, progress: Progress) -> Read:
    """As `read_into`, elsewhere. Raises: SourceError, OSError when the file cannot be written."""
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        try:
            asked = {"bron": bron.model_dump_json(), "password": password, "path": str(path)}
            json.dump(asked | {"columns": wanted.columns, "limits": asdict(wanted.limits)}, child.stdin)
            child.stdin.close()
            for line in child.stdout:
                told = json.loads(line)
                if "rows" in told:
                    progress(told["rows"], told["size"])
                else:
                    return _outcome(bron, told)
        except BrokenPipeError:
            pass
        finally:
            child.kill()
    raise broken(bron)


def _outcome(bron: DatabaseBron, told: dict[str, Any]) -> Read:
    if "reason" in told:
        raise DatabaseError(bron, told["reason"], told["what"], told["hint"], transient=told["transient"])
    if "errno" in told:
        raise OSError(told["errno"], told["strerror"])
    if "sentence" in told:
        raise SourceError(told["sentence"])
    moment = datetime.fromisoformat(told["moment"]) if told["moment"] else None
    columns = tuple(Column(**column) for column in told["columns"])
    return Read(Opened(told["version"], moment, columns), tuple(told["remarks"]), told["newest"])


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201  the line is the answer


def main() -> None:
    """Carry out the request on standard input."""
    asked = json.load(sys.stdin)
    bron = DatabaseBron.model_validate_json(asked["bron"])
    columns = None if asked["columns"] is None else tuple(asked["columns"])
    wanted = Wanted(columns, Limits(**asked["limits"]))
    try:
        read = read_into(
            bron, asked["password"], Path(asked["path"]), wanted, lambda rows, size: _tell(rows=rows, size=size)
        )
    except DatabaseError as error:
        _tell(reason=error.reason, what=error.what, hint=error.hint, transient=error.transient)
    except OSError as error:
        _tell(errno=error.errno, strerror=error.strerror)
    except SourceError as error:
        _tell(sentence=str(error))
    else:
        opened = read.opened
        moment = opened.moment.isoformat() if opened.moment else ""
        described = [asdict(column) for column in opened.columns]
        _tell(version=opened.version, moment=moment, columns=described, remarks=read.remarks, newest=read.newest)


if __name__ == "__main__":
    main()
