"""The import rules of the house, read from the source by ast: what stands above what, and what stays pure.

Each rule has a planted violation, so that a rule that finds nothing is known to be able to find something.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Lowest first: a package imports only what stands before it.
ORDER = (
    "capacity.lib",
    "capacity.access",
    "capacity.imports",
    "capacity.decisions",
    "capacity.inventory",
    "capacity.allocation",
    "workloads",
    "contracts",
    "capacity.review",
    "capacity.demo",
)
LOCAL = "capacity.local"
COMPOSITION_ROOT = {"capacity.settings", "capacity.urls", "capacity.celery", "capacity.wsgi"}
LABELS = {name.rpartition(".")[2]: name for name in ORDER}
IMPURE = {"django", "rest_framework", "celery", "psycopg", "kombu", "axes", "pghistory", "pgtrigger"}
PURE_MODULES = {
    "capacity.imports.tabular",
    "capacity.access.bands",
    "capacity.access.permissions",
    "capacity.access.roles",
    "capacity.access.sight_contracts",
    "capacity.access.sight_research",
    "capacity.access.sight_rules",
    "capacity.access.sight_supply",
    "capacity.access.sight_table",
    "capacity.access.sight_workloads",
    "capacity.access.visibility",
}
ONLY_IN = {
    "highspy": lambda name: name.startswith("capacity.allocation.domain.solver"),
    "ortools": lambda name: name == "capacity.allocation.domain.cp_sat_process",
    "plotly": lambda name: name.endswith((".plots", ".plots_actuals")) or name == "capacity.review.finders",
}
# Inside an app, highest first. A module imports its own level and those below it.
LEVELS = (
    {"management"},
    {"urls"},
    {"views", "api", "admin", "tasks"},
    {"forms", "serializers"},
    {"services", "importers"},
    {"inputs", "results", "selectors"},
    {"models"},
    {"domain"},
)
RELATIONS = {"ForeignKey", "OneToOneField", "ManyToManyField"}
BANNED_NAMES = {"utils", "helpers"}


@dataclass(frozen=True)
class Import:
    """One imported thing: the module named, the names taken from it, and where."""

    module: str
    names: tuple[str, ...]
    line: int
    in_function: bool
    level: int = 0


def read_sources() -> dict[str, str]:
    """Dotted name → source of every module of the project's packages, migrations left out."""
    found = {}
    for package in ("capacity", "workloads", "contracts"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


def imports_of(tree: ast.AST, *, in_function: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno, in_function)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", names, node.lineno, in_function, node.level)
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports_of(node, in_function=inside)


@cache
def imports_in(source: str) -> tuple[Import, ...]:
    return tuple(imports_of(ast.parse(source)))


def package_of(module: str) -> str | None:
    """The package of the order (or capacity.local) a module belongs to."""
    return next((name for name in (*ORDER, LOCAL) if module == name or module.startswith(name + ".")), None)


def is_pure(module: str) -> bool:
    parts = module.split(".")
    return package_of(module) == "capacity.lib" or "domain" in parts or parts[-1] == "plots" or module in PURE_MODULES


def level_of(module: str, package: str) -> int | None:
    stem = module.removeprefix(package).lstrip(".").split(".")[0]
    return next((index for index, names in enumerate(LEVELS) if stem in names), None)


def targets(found: Import, known: Collection[str]) -> list[str]:
    """The modules an import names: `from package import module` names the module."""
    inner = [f"{found.module}.{name}" for name in found.names if f"{found.module}.{name}" in known]
    return inner or [found.module]


def violations(sources: dict[str, str]) -> list[str]:
    """Every broken rule as "module:line rule", for sources by dotted name."""
    known = read_sources() | sources
    return [problem for name, source in sources.items() for problem in _problems(name, source, known)]


def reaches_framework(module: str, known: dict[str, str], seen: set[str]) -> bool:
    """Whether the module, or one it imports, imports a framework."""
    if module in seen or module not in known:
        return False
    seen.add(module)
    return any(
        found.module.split(".")[0] in IMPURE
        or any(reaches_framework(target, known, seen) for target in targets(found, known))
        for found in imports_in(known[module])
    )


def _problems(name: str, source: str, known: dict[str, str]) -> Iterator[str]:
    tree = ast.parse(source)
    stem = name.rpartition(".")[2]
    if stem in BANNED_NAMES:
        yield f"{name}:1 a module named {stem} says nothing about what is in it"
    if source.strip() and not ast.get_docstring(tree):
        yield f"{name}:1 no module docstring"
    if name == "capacity" and source.strip():
        yield f"{name}:1 capacity/__init__.py is empty, or the pure core would import Celery"
    for found in imports_in(source):
        for problem in _import_problems(name, found, known):
            yield f"{name}:{found.line} {problem}"
    for line, problem in _relation_problems(name, tree):
        yield f"{name}:{line} {problem}"


def _import_problems(name: str, found: Import, known: dict[str, str]) -> Iterator[str]:
    stem = name.rpartition(".")[2]
    top = found.module.split(".")[0]
    if found.level:
        yield "relative import"
        return
    if found.in_function and stem != "apps":
        yield f"imports {found.module} inside a function"
    if is_pure(name) and top in IMPURE:
        yield f"a pure module imports {found.module}"
    if top in ONLY_IN and not ONLY_IN[top](name):
        yield f"{top} is not imported here"
    if "shared_task" in found.names and stem != "tasks":
        yield "tasks live in tasks.py"
    if package_of(name) == LOCAL and top not in sys.stdlib_module_names and package_of(found.module) is None:
        yield f"capacity.local imports the standard library only, not {found.module}"
    for target in targets(found, known):
        if is_pure(name) and reaches_framework(target, known, set()):
            yield f"a pure module imports {target}, which is not"
        else:
            yield from _target_problems(name, target)


def _target_problems(name: str, target: str) -> Iterator[str]:
    if target in COMPOSITION_ROOT and name not in COMPOSITION_ROOT:
        yield f"{target} is the composition root: imported by none"
    package, other = package_of(name), package_of(target)
    if other is None:
        return
    if name.endswith(".tasks") and (
        is_pure(target) and other != "capacity.lib" or target.endswith((".views", ".forms"))
    ):
        yield f"a task makes one call of a service, it does not use {target}"
    if package == other or package is None:
        yield from _level_problems(name, target, package)
    elif LOCAL in (package, other) or ORDER.index(other) > ORDER.index(package):
        yield f"{package} stands below or beside {other}"


def _level_problems(name: str, target: str, package: str | None) -> Iterator[str]:
    if package is None or package == LOCAL:
        return
    mine, other = level_of(name, package), level_of(target, package)
    if mine is not None and other is not None and other < mine:
        yield f"inside an app {target} stands above {name}"


def _relation_problems(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Foreign keys to another app are strings and point downward."""
    package = package_of(name)
    own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") not in RELATIONS or not node.args:
            continue
        to = node.args[0]
        if isinstance(to, ast.Name) and to.id not in own:
            yield node.lineno, f"the key to {to.id} of another app is not a string"
        if isinstance(to, ast.Constant) and isinstance(to.value, str) and "." in to.value:
            other = LABELS.get(to.value.split(".")[0])
            if package and other and ORDER.index(other) > ORDER.index(package):
                yield node.lineno, f"the key to {to.value} points upward"


def test_the_project_keeps_its_import_rules() -> None:
    assert violations(read_sources()) == []


def test_every_app_of_the_settings_has_its_place_in_the_order() -> None:
    settings = (ROOT / "capacity" / "settings.py").read_text()
    own = {f'"{name}"' for name in ORDER if name != "capacity.lib"}
    assert {name for name in own if name not in settings} == set()


PLANTED = {
    "upward": ("capacity.access.planted", '"""D."""\nfrom capacity.review.models import Review'),
    "upward through the package": ("workloads.planted", '"""D."""\nfrom contracts import models'),
    "sideways into local": ("capacity.review.planted", '"""D."""\nimport capacity.local.ports'),
    "local into an app": ("capacity.local.planted", '"""D."""\nfrom capacity.lib.money import CENT'),
    "local beyond the standard library": ("capacity.local.planted", '"""D."""\nimport django'),
    "pure with django": ("workloads.domain.planted", '"""D."""\nfrom django.db import models'),
    "pure under a condition": (
        "capacity.lib.planted",
        '"""D."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import psycopg',
    ),
    "pure with an impure neighbour": ("contracts.domain.planted", '"""D."""\nfrom contracts.models import Contract'),
    "plots with django": ("capacity.review.plots", '"""D."""\nimport django'),
    "solver elsewhere": ("capacity.allocation.domain.planted", '"""D."""\nimport highspy'),
    "plotly elsewhere": ("capacity.review.planted", '"""D."""\nimport plotly.graph_objects as go'),
    "composition root": ("capacity.review.planted", '"""D."""\nfrom capacity.settings import DEBUG'),
    "services above views": ("contracts.services", '"""D."""\nfrom contracts.views import page'),
    "models above selectors": ("contracts.models", '"""D."""\nfrom contracts import selectors'),
    "a task that computes": ("capacity.review.tasks", '"""D."""\nfrom contracts.domain.margin import margin'),
    "a task elsewhere": ("capacity.review.planted", '"""D."""\nfrom celery import shared_task'),
    "relative": ("contracts.planted", '"""D."""\nfrom . import models'),
    "inside a function": ("contracts.planted", '"""D."""\ndef f():\n    import json'),
    "a class as key": (
        "contracts.planted",
        '"""D."""\nfrom workloads.models import Team\nteam = models.ForeignKey(Team, models.PROTECT)',
    ),
    "a key upward": ("workloads.planted", '"""D."""\nc = models.ForeignKey("contracts.Contract", models.PROTECT)'),
    "no docstring": ("contracts.planted", "x = 1"),
    "an empty name": ("contracts.utils", '"""D."""'),
    "a filled package": ("capacity", '"""D."""'),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_violation_is_found(planted: str) -> None:
    name, source = PLANTED[planted]
    modules = {name: source}
    if planted in {"upward through the package", "services above views", "models above selectors"}:
        modules |= {"contracts.views": '"""D."""', "contracts.selectors": '"""D."""'} | {name: source}
    assert len(violations(modules)) == 1


def test_what_is_allowed_is_not_reported() -> None:
    allowed = {
        "capacity.review.planted": '"""D."""\nfrom contracts import models\nfrom capacity.lib.money import CENT',
        "contracts.domain.planted": '"""D."""\nfrom capacity.lib.horizon import Week',
        "capacity.review.apps": '"""D."""\ndef ready():\n    from capacity.review import tasks',
        "capacity.urls": '"""D."""\nfrom capacity.review import models',
        "contracts.planted": '"""D."""\nworkload = models.ForeignKey("workloads.Workload", models.PROTECT)',
    }
    assert violations(allowed) == []
