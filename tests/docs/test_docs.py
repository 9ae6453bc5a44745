"""Documents are held against what they describe: commands, statuses, configuration, links."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import click
import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from archiver import errors
from archiver.cli.main import COMMANDS, EXIT_INTERRUPTED, EXIT_PIPE, archiver
from archiver.domain.verdict import Finding, Reason
from archiver.errors import ArchiverError
from archiver.settings import Settings, SourceSettings
from archiver.version import __version__

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def documents():
    """Every Markdown file that is part of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        return sorted(ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file())
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])


def tree(command, path=()):
    """(path, command) of *command* and all below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name="archiver")
        for name in command.list_commands(context):
            yield from tree(command.get_command(context, name), (*path, name))


ALL = {" ".join(path): command for path, command in tree(archiver)}


def table(heading_cells):
    """The first cells of the README's table under these heads, with the second ones."""
    head = f"| {' | '.join(heading_cells)} |"
    lines = README[README.index(head) :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_readmes_commands_are_the_commands():
    named = []
    for first, _ in table(["command", "what it does"]):
        named += [span.removeprefix("archiver ").split()[0] for span in re.findall(r"`([^`]+)`", first)]
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path or "archiver")
def test_help(path):
    ran = CliRunner().invoke(archiver, [*path.split(), "--help"])
    assert ran.exit_code == 0
    assert ran.output.startswith(f"Usage: archiver {path}".rstrip() if path else "Usage: ")
    command = ALL[path]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]} says nothing of itself"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_in_its_help(name):
    ran = CliRunner().invoke(archiver, [name, "--help"])
    assert re.search(rf"^\s+(\$ )?([A-Z_]+=\S+ )?(aws .*&& )?archiver (\S+ )*{name}\b", ran.output, re.MULTILINE)


def test_options_that_the_readme_names_exist():
    spans = [span for span in re.findall(r"`([^`\n]+)`", README) if span.startswith("archiver ")]
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    shown = [line[2:].split("  #")[0] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    found = 0
    for text in [*spans, *shown]:
        for part in re.split(r"&&|\|", text):
            plain = part.strip().removeprefix("runuser -u archiver -- ")
            words = re.sub(r"^archiver --config \S+", "archiver", plain).split()
            if not words or words[0] != "archiver" or len(words) == 1:
                continue
            path = max((p for p in ALL if " ".join(words[1:]).startswith(p)), key=len)
            known = {opt for parameter in ALL[path].params for opt in (*parameter.opts, *parameter.secondary_opts)}
            known |= {opt for parameter in archiver.params for opt in parameter.opts}
            for word in words[1:]:
                if word.startswith("--"):
                    assert word.partition("=")[0] in known, part
            assert path, f"{part}: no such command"
            found += 1
    assert found >= 10


def test_exit_statuses():
    statuses = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = table(["exit status", "meaning"])
    assert {int(number) for number, _ in rows} == statuses | {EXIT_INTERRUPTED, EXIT_PIPE}
    help_text = CliRunner().invoke(archiver, ["--help"]).output
    for number, meaning in rows:
        short = re.sub(r"\s*\([^)]*\)", "", meaning)
        assert re.search(rf"^\s+{number}\s+{re.escape(short)}", re.sub(r" \([^)]*\)", "", help_text), re.MULTILINE)


def subclasses(kind):
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def test_every_error_has_one_of_the_statuses():
    statuses = {value for name, value in vars(errors).items() if name.startswith("EXIT_")} - {errors.EXIT_OK}
    for kind in subclasses(ArchiverError):
        assert kind.exit_status in statuses
        assert kind.__doc__


def test_the_readme_names_every_reason_and_finding():
    for code in (*Reason, *Finding):
        assert f"`{code}`" in README


def test_version():
    assert CliRunner().invoke(archiver, ["--version"]).output == f"archiver, version {__version__}\n"
    assert re.search(rf"^## \[?{re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def keys():
    """section -> keys, as the configuration has them."""
    found = {}
    for section, field in Settings.model_fields.items():
        model = SourceSettings if section == "sources" else field.annotation
        assert issubclass(model, BaseModel)
        found[section] = set(model.model_fields)
    return found


def test_every_key_of_the_sample_exists_and_every_key_is_in_the_sample():
    text = (ROOT / "config" / "archiver.toml").read_text("utf-8")
    uncommented = re.sub(r"^#(?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
    shown = tomllib.loads(uncommented)
    known = keys()
    assert set(shown) == set(known)
    for section, values in shown.items():
        held = values[0] if isinstance(values, list) else values
        assert set(held) == known[section], section


def test_keys_and_variables_that_documents_and_messages_name_exist():
    known = keys()
    texts = {path: path.read_text("utf-8") for path in documents()}
    for path in (ROOT / "archiver").rglob("*.py"):
        strings = (node.value for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Constant))
        texts[path] = "\n".join(text for text in strings if isinstance(text, str))
    for path, text in texts.items():
        for section, key in re.findall(r"\[([a-z]+)\] ([a-z]+_[a-z_]+)\b", text):
            assert key in known.get(section, ()), f"{path}: [{section}] {key}"
        for section, key in re.findall(r"\bARCHIVER_([A-Z]+)__(?:\d+__)?([A-Z_]+)\b", text):
            if (section, key) != ("SECTION", "KEY"):
                assert key.lower() in known.get(section.lower(), ()), f"{path}: ARCHIVER_{section}__{key}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_is_dead(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith(("#", "mailto:")):
            continue
        where = path.parent / unquote(target.partition("#")[0])
        assert where.exists(), f"{path.name} links to {target}, which is not there"
