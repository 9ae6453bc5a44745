"""The house keeps its shape: who imports whom, no cycles, small files and functions, nothing undocumented."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.rooms import EXCEPTIONS, PURE_STANDARD_LIBRARY, ROOMS
from tests.architecture.source import Module, cycles, functions, imports, module_of, modules

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
MEDIAN_LINES_OF_FILES = 150


def own_name(name: str) -> str:
    return name.removeprefix("archiver").removeprefix(".")


def room_of(module: Module) -> str | None:
    """The most special room that the module lies in."""
    name = own_name(module.name)
    return max((room for room in ROOMS if is_within(name, room)), key=len, default=None)


def is_within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def forbidden(module: Module, known: dict[str, Module]) -> Iterator[str]:
    """What *module* imports and its room does not allow."""
    room = ROOMS[room_of(module) or ""]
    for target in sorted(set(imports(module, known))):
        top = target.partition(".")[0]
        if top == "archiver":
            if not any(is_within(own_name(target), ours) for ours in room.ours):
                yield own_name(target)
        elif top in sys.stdlib_module_names:
            if room.pure and top not in PURE_STANDARD_LIBRARY:
                yield top
        elif top not in room.others:
            yield top


def code_modules() -> list[Module]:
    return [module for module in modules().values() if not module.is_package]


def test_the_package_is_found():
    assert len(modules()) > 30
    assert {"archiver.domain.sign_file", "archiver.verify.recipe", "archiver.ports"} <= set(modules())


def test_every_module_lies_in_a_room():
    assert [module.name for module in code_modules() if room_of(module) is None] == []


def test_imports_go_along_the_arrows():
    excepted = {(allowed.module, allowed.target) for allowed in EXCEPTIONS}
    found = {
        (own_name(module.name), target)
        for module in code_modules()
        if room_of(module) is not None
        for target in forbidden(module, modules())
    }
    assert sorted(f"{module} imports {target or 'archiver'}" for module, target in found - excepted) == []
    assert sorted(excepted - found) == [], "an exception that is not needed any more"
    assert all(allowed.why for allowed in EXCEPTIONS)


def test_there_is_no_import_cycle():
    assert cycles(modules()) == []


def test_packages_hold_a_docstring_and_nothing_else():
    for module in modules().values():
        if module.is_package:
            assert ast.get_docstring(module.tree), module.path
            assert len(module.tree.body) == 1, f"{module.path} holds more than its docstring"


def test_nothing_is_imported_by_star():
    stars = [
        f"{module.path}:{node.lineno}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


def test_files_are_small():
    large = {module.path: module.lines for module in modules().values() if module.lines > MOST_LINES_OF_A_FILE}
    assert large == {}
    assert statistics.median(module.lines for module in code_modules()) < MEDIAN_LINES_OF_FILES


def test_functions_are_short():
    long = {
        f"{module.path}:{function.name}": function.end_lineno - function.lineno + 1
        for module in modules().values()
        for function in functions(module)
        if function.end_lineno - function.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_what_is_public_is_documented():
    bare = [module.path for module in modules().values() if not ast.get_docstring(module.tree)]
    for module in modules().values():
        bare += [f"{module.path}: {node.name}" for node in public(module.tree) if not ast.get_docstring(node)]
    assert bare == []


def public(tree: ast.Module) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def calls(module: Module) -> Iterator[tuple[str, int]]:
    """What is called by which name (the last part of a dotted one), and in which line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            yield name, node.lineno


def test_only_cli_and_render_print():
    printing = [
        f"{module.path}:{line}"
        for module in code_modules()
        if room_of(module) not in ("cli", "render")
        for name, line in calls(module)
        if name == "print"
    ]
    assert printing == []


@pytest.mark.parametrize("name", ["open", "now", "utcnow", "today", "input", "eval", "exec"])
def test_the_pure_rooms_open_nothing_and_ask_no_clock(name):
    found = [
        f"{module.path}:{line}"
        for module in code_modules()
        if (room := room_of(module)) and ROOMS[room].pure
        for called, line in calls(module)
        if called == name
    ]
    assert found == []


def test_no_error_is_caught_and_dropped_whatever_it_is():
    dropped = [
        f"{module.path}:{node.lineno}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and catches_all(node) and all(map(does_nothing, node.body))
    ]
    assert dropped == []


def catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


# ------------------------------------------------------------------------------- the tests' own eyes


def house(**texts: str) -> dict[str, Module]:
    """A package of the modules *texts*; ``__`` in a name stands for the dot."""
    found = [module_of(f"archiver/{name.replace('__', '/')}.py", text) for name, text in texts.items()]
    return {module.name: module for module in found}


def test_imports_are_seen_wherever_they_stand():
    known = house(
        domain__a="def f():\n    import socket\n    from archiver.work import b\n",
        work__b="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..domain.a import f\n",
        work__c="from . import b\nimport archiver.domain.a as x\n",
    )
    assert list(forbidden(known["archiver.domain.a"], known)) == ["work.b", "socket"]
    assert set(imports(known["archiver.work.b"], known)) == {"typing", "archiver.domain.a"}
    assert set(imports(known["archiver.work.c"], known)) == {"archiver.work.b", "archiver.domain.a"}


def test_cycles_are_seen_round_corners_and_inside_functions():
    known = house(
        a="from archiver import b\n",
        b="def f():\n    from archiver.c import g\n",
        c="import archiver.a\n",
        d="import archiver.a\n",
        e="import archiver.e\n",
    )
    assert cycles(known) == [["archiver.a", "archiver.b", "archiver.c"], ["archiver.e"]]
    assert cycles(house(a="import archiver.b", b="import os")) == []
