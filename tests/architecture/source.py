"""The package as its syntax trees: modules, and what each imports, inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "archiver"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One file. ``name``: dotted; of a package it is the package's. ``path``: below the repository."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """True for an ``__init__.py``."""
        return self.path.endswith("__init__.py")

    @property
    def lines(self) -> int:
        """Lines of the file."""
        return len(self.text.splitlines())


@cache
def modules() -> dict[str, Module]:
    """Every module of the package by name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        module = module_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
        found[module.name] = module
    return found


def module_of(path: str, text: str) -> Module:
    """The module at *path* (relative, with ``/``) that consists of *text*."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    return Module(".".join(parts), path, text, ast.parse(text, path))


def imports(module: Module, known: Mapping[str, Module]) -> Iterator[str]:
    """What *module* imports, wherever in the file: modules of ours by their names, others as they are written."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in known else base


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".")
    above = package[: len(package) - node.level + (1 if module.is_package else 0)]
    return ".".join([*above, *([node.module] if node.module else [])])


def cycles(known: Mapping[str, Module]) -> list[list[str]]:
    """Groups of modules that import one another, directly or round others (Tarjan's components)."""
    graph = {name: sorted(set(imports(module, known)) & set(known)) for name, module in known.items()}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in graph[name]:
            if target not in order:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], order[target])
        if low[name] == order[name]:
            at = stack.index(name)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1 or name in graph[name]:
                found.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
