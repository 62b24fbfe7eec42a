"""The house keeps its rooms: imports point up the table of allowed rooms, never sideways, in a circle or hidden."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kmgb"

# What each room may import, besides its own parts. A room may only name rooms above it, so the table has no circles.
ALLOWED: dict[str, tuple[str, ...]] = {
    "errors": (),
    "disk": (),
    "geheim": (),
    "settings": ("errors", "geheim"),
    "catalogue": ("errors",),
    "population": ("errors", "catalogue"),
    "mapping": ("errors", "geheim", "catalogue", "population"),
    "demo": ("errors", "catalogue", "mapping"),
    "sources": ("errors", "catalogue", "mapping"),
    "fetch": ("errors", "settings", "catalogue", "mapping", "sources"),
    "normalise": ("errors", "catalogue", "mapping"),
    "ispiegel": ("errors", "catalogue", "mapping", "normalise"),
    "arrival": ("errors", "catalogue", "mapping", "sources", "normalise"),
    "landing": ("errors", "disk", "catalogue", "mapping", "sources", "arrival"),
    "validate": ("errors", "catalogue"),
    "compare": ("errors", "catalogue"),
    "mutations": ("errors", "disk", "catalogue", "compare"),
    "crosscheck": ("errors", "catalogue", "population", "compare"),
    "propose": ("errors", "catalogue", "mapping", "normalise", "compare"),
    "explain": ("errors", "catalogue", "compare", "mutations"),
    "store": ("errors", "catalogue", "compare"),
    "report": ("errors", "disk", "catalogue", "store"),
    "notify": ("errors", "settings", "mapping", "fetch", "report"),
}
# `run` is the only room that knows all others; the demo makes the example and takes no part in a run.
ALLOWED["run"] = tuple(room for room in ALLOWED if room != "demo")
_DOOR = ("run", "store", "report", "settings", "errors")
ALLOWED |= {
    "scheduler": _DOOR,
    "web": _DOOR,
    "cli": (
        *_DOOR,
        "scheduler",
        "web",
        "demo",
        "catalogue",
        "mapping",
        "population",
        "crosscheck",
        "fetch",
        "arrival",
        "ispiegel",
        "landing",
        "sources",
    ),
}


@dataclass(frozen=True)
class Import:
    """One import of a part of kmgb: by which module, on which line, of which module (`kmgb` is the root itself)."""

    by: str
    line: int
    of: str
    inside_function: bool

    @property
    def room(self) -> str:
        return _room(self.by)

    @property
    def target(self) -> str:
        return _room(self.of)

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.of}"


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of `package` by its dotted name; a package is named without `__init__`."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports_of(package: Path) -> list[Import]:
    """Every import of one of our own modules, wherever it stands in a file."""
    modules = modules_of(package)
    return [
        Import(name, node.lineno, target, hidden)
        for name, path in modules.items()
        for node, hidden in _statements(ast.parse(path.read_text(encoding="utf-8")))
        for target in _targets(node, name, path, modules)
        if target.split(".")[0] == package.name
    ]


def _statements(tree: ast.AST, hidden: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, hidden
        yield from _statements(node, hidden or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _targets(node: ast.Import | ast.ImportFrom, by: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules a statement imports; `from kmgb import compare` counts as an import of the root."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = by.split(".") if path.name == "__init__.py" else by.split(".")[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
    for alias in node.names:
        part = f"{base}.{alias.name}"
        yield part if part in modules and "." in base else base


def wrong_directions(imports: list[Import]) -> list[str]:
    return [
        str(one)
        for one in imports
        if one.target and one.target != one.room and one.target not in ALLOWED.get(one.room, ())
    ]


def circles(imports: list[Import]) -> list[str]:
    graph: dict[str, set[str]] = {}
    for one in imports:
        graph.setdefault(one.by, set()).add(one.of)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return imports_of(PACKAGE)


def test_the_table_only_names_rooms_above() -> None:
    rooms = list(ALLOWED)
    below = [(room, other) for room in rooms for other in ALLOWED[room] if rooms.index(other) >= rooms.index(room)]
    assert below == []


def test_every_room_has_its_place_in_the_table() -> None:
    assert {_room(name) for name in modules_of(PACKAGE)} - {""} <= set(ALLOWED)


def test_no_import_points_up_or_sideways(imports: list[Import]) -> None:
    assert wrong_directions(imports) == []


def test_no_imports_go_in_a_circle(imports: list[Import]) -> None:
    assert circles(imports) == []


def test_no_room_is_imported_inside_a_function(imports: list[Import]) -> None:
    assert [str(one) for one in imports if one.inside_function] == []


def test_nobody_imports_from_the_root(imports: list[Import]) -> None:
    assert [str(one) for one in imports if one.of == PACKAGE.name] == []


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("compare.py", "from kmgb.store.schema import metadata", "kmgb.compare:1 imports kmgb.store.schema"),
        ("scheduler/plan.py", "import kmgb.cli.main", "kmgb.scheduler.plan:1 imports kmgb.cli.main"),
        ("compare.py", "if True:\n    from .store import schema", "kmgb.compare:2 imports kmgb.store.schema"),
        ("web.py", "from kmgb.cli import main", "kmgb.web:1 imports kmgb.cli.main"),
    ],
    ids=["up", "between doors", "relative", "sideways"],
)
def test_a_wrong_direction_is_seen(tmp_path: Path, module: str, source: str, found: str) -> None:
    assert wrong_directions(imports_of(_house(tmp_path, {module: source}))) == [found]


def test_a_circle_between_parts_of_one_room_is_seen(tmp_path: Path) -> None:
    house = _house(tmp_path, {"store/a.py": "from kmgb.store.b import x", "store/b.py": "from kmgb.store import a"})
    assert wrong_directions(imports_of(house)) == []
    (circle,) = circles(imports_of(house))
    assert set(circle.split(" <- ")) == {"kmgb.store.a", "kmgb.store.b"}


def test_hidden_imports_and_imports_of_the_root_are_seen(tmp_path: Path) -> None:
    source = "from kmgb import errors\nclass A:\n    async def f(self):\n        import kmgb.store.schema as s\n"
    found = imports_of(_house(tmp_path, {"run.py": source}))
    assert [(one.of, one.inside_function) for one in found] == [("kmgb", False), ("kmgb.store.schema", True)]


def _house(folder: Path, files: dict[str, str]) -> Path:
    """A package with a few empty rooms and the given files."""
    empty = dict.fromkeys(["__init__.py", "store/__init__.py", "store/schema.py", "cli/__init__.py", "cli/main.py"], "")
    for name, source in (empty | files).items():
        path = folder / "kmgb" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return folder / "kmgb"
