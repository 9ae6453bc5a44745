"""Where settings come from: a TOML file and ``ARCHIVER_SECTION__KEY`` variables, merged; and what was wrong there.

Everything here ends before any other I/O of the program. Values never enter a message: they may be secrets.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from archiver.domain.limits import CONFIG_BYTES
from archiver.domain.text import printable
from archiver.errors import SettingsError

CONFIG_VARIABLE: Final = "ARCHIVER_CONFIG"
PREFIX: Final = "ARCHIVER_"
PLACES: Final = (Path("archiver.toml"), Path("/etc/archiver/archiver.toml"))
_ENOUGH: Final = frozenset({"ARCHIVER_LEDGER__URL", "ARCHIVER_ARCHIVE__URL"})
"""With these two set no file is needed: a container may be configured by its environment alone."""

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class RawSettings:
    """Merged, unchecked. ``file``: None where there is none. ``variables``: which value came from which variable."""

    values: dict[str, Any]
    file: Path | None
    variables: Mapping[Location, str]


def find_config(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: *path*, else ``$ARCHIVER_CONFIG``, ``./archiver.toml``, ``/etc/archiver/archiver.toml``.

    None where none of these is there and the environment says enough. Raises SettingsError.
    """
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        return named
    for place in PLACES:
        if place.exists():
            return place
    if environ.keys() >= _ENOUGH:
        return None
    looked = ", ".join(str(place) for place in PLACES)
    mistyped = _meant_config(environ)
    raise SettingsError(
        f"no configuration: there is no {looked}, and neither --config nor ${CONFIG_VARIABLE} names one",
        f"{mistyped} is set: did you mean {CONFIG_VARIABLE}?" if mistyped else "write one with: archiver init",
    )


def _meant_config(variables: Iterable[str]) -> str | None:
    """The one of *variables* that may be a misspelled ``ARCHIVER_CONFIG``."""
    names = [name for name in variables if name.startswith(PREFIX) and "__" not in name]
    return next(iter(difflib.get_close_matches(CONFIG_VARIABLE, names, n=1, cutoff=0.85)), None)


def gather(path: Path | None, environ: Mapping[str, str], model: type[BaseModel]) -> RawSettings:
    """File and environment as one tree for *model*; a variable wins over the file. Raises SettingsError."""
    file = find_config(path, environ)
    return merge(b"" if file is None else _read(file), file, environ, model)


def merge(data: bytes, file: Path | None, environ: Mapping[str, str], model: type[BaseModel]) -> RawSettings:
    """*data*, the contents of *file*, and the environment as one tree. Raises SettingsError."""
    values = _parsed(data, file)
    variables: dict[Location, str] = {}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            location = _overlay(values, variable, environ[variable], model)
            variables[location] = variable
    return RawSettings(values, file, variables)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        raise SettingsError(f"{file}: there is no such file", "write one with: archiver init") from error
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error


def _parsed(data: bytes, file: Path | None) -> dict[str, Any]:
    if len(data) > CONFIG_BYTES:
        raise SettingsError(f"{file}: more than {CONFIG_BYTES} bytes, which no configuration needs")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8 (byte {error.start}), so not TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not TOML: {_toml_trouble(error)}") from None
    except RecursionError as error:
        raise SettingsError(f"{file}: nested too deeply") from error


def _toml_trouble(error: tomllib.TOMLDecodeError) -> str:
    """The parser's message; it quotes at most single characters and key names of the file."""
    return printable(str(error).partition("\n")[0], 200)


def _overlay(values: dict[str, Any], variable: str, text: str, model: type[BaseModel]) -> Location:
    """Puts *text* where *variable* says: ``ARCHIVER_SOURCES__0__URL`` is ``url`` of the first source."""
    parts = variable.removeprefix(PREFIX).lower().split("__")
    node: Any = values
    location: Location = ()
    for part in parts[:-1]:
        step: str | int = int(part) if isinstance(node, list) and part.isdecimal() else part
        if isinstance(node, list):
            if not isinstance(step, int) or step > len(node):
                there = f"is 1 of the {location[-1]}" if len(node) == 1 else f"are {len(node)} {location[-1]}"
                raise SettingsError(f"{variable}: there {there}; the next one is number {len(node)}")
            if step == len(node):
                node.append({})
            node = node[step]
        else:
            empty: Any = [] if _is_list(model, (*location, part)) else {}
            node = node.setdefault(part, empty)
        location = (*location, step)
        if not isinstance(node, dict | list):
            raise SettingsError(f"{variable}: {part} is a single value, nothing can be set below it")
    if isinstance(node, list):
        raise SettingsError(f"{variable}: a number and a key must follow, as in {PREFIX}SOURCES__0__URL")
    location = (*location, parts[-1])
    node[parts[-1]] = _value(variable, text, _is_list(model, location))
    return location


def _value(variable: str, text: str, is_list: bool) -> Any:
    """A TOML array or inline table where it looks like one; lists also as words between blanks; else the text."""
    if text.startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise SettingsError(f"{variable}: neither plain text nor a TOML array or inline table") from error
    return text.split() if is_list else text


def _is_list(model: type[BaseModel], location: Location) -> bool:
    owner = _model_at(model, location[:-1])
    field = owner.model_fields.get(str(location[-1])) if owner else None
    return field is not None and getattr(field.annotation, "__origin__", None) is tuple


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model of the table at *location*, None where there is no table."""
    for step in location:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        inner = next(_models(field.annotation), None) if field else None
        if inner is None:
            return None
        model = inner
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def explain(error: ValidationError, raw: RawSettings, model: type[BaseModel]) -> SettingsError:
    """Everything that *error* found, each named by file and key (or variable) and without its value."""
    troubles = error.errors(include_url=False, include_context=False, include_input=False)
    in_file: list[str] = []
    in_environment: list[str] = []
    for trouble in troubles:
        variable = _variable(trouble["type"], trouble["loc"], raw)
        told = _trouble(trouble["type"], trouble["msg"], trouble["loc"], variable, model)
        (in_environment if variable else in_file).append(told)
    where = f"{raw.file}: " if raw.file is not None else ""
    return SettingsError("; ".join(([where + "; ".join(in_file[:10])] if in_file else []) + in_environment[:10]))


def _variable(kind: str, location: Location, raw: RawSettings) -> str | None:
    """The variable that a trouble at *location* comes from, None where it is the file's."""
    for place, name in raw.variables.items():
        below = kind != "value_error" and location == place[: len(location)]
        if place == location[: len(place)] or below:
            return name
    return None


def _trouble(kind: str, message: str, location: Location, variable: str | None, model: type[BaseModel]) -> str:
    name = variable or _key(location, model)
    match kind:
        case "extra_forbidden":
            return _unknown(name, location, model, variable is not None)
        case "missing":
            return f"{name} is missing"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{name}: a table of keys is wanted"
        case "tuple_type" if _model_at(model, location) is not None:
            return f"{_dotted(location)}: write [[{_dotted(location)}]], in double brackets"
        case "tuple_type":
            return f"{name}: should be a list, in brackets"
    told = printable(message.removeprefix("Value error, "), 300)
    return f"{name}: {told}" if name else told


def _unknown(name: str, location: Location, model: type[BaseModel], as_variable: bool) -> str:
    owner = _model_at(model, location[:-1])
    known = list(owner.model_fields) if owner else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    shown: Sequence[str] = known
    if as_variable:
        start = PREFIX + "".join(f"{step}__".upper() for step in location[:-1])
        end = "" if len(location) > 1 else "__…"
        shown, close = ([f"{start}{key.upper()}{end}" for key in keys] for keys in (known, close))
        close = [CONFIG_VARIABLE] if _meant_config([name]) else close
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{name}: unknown{hint}; known are {', '.join(shown)}" if shown else f"{name}: unknown"


def _key(location: Location, model: type[BaseModel]) -> str:
    """``[ledger] url``, ``[[sources]] number 2: region``, ``[anchors.object_lock] url``: as in the file."""
    for place, step in enumerate(location):
        if isinstance(step, int) and _model_at(model, location[:place]) is not None:
            number = f"[[{_dotted(location[:place])}]] number {step + 1}"
            return ": ".join([number, *(_shown(below) for below in location[place + 1 :])])
    tables = [place for place in range(1, len(location)) if _model_at(model, location[:place]) is not None]
    above = tables[-1] if tables else len(location)
    return " ".join(filter(None, [f"[{_dotted(location[:above])}]" if location else "", _dotted(location[above:])]))


def _dotted(location: Location) -> str:
    return ".".join(_shown(step) for step in location)


def _shown(step: str | int) -> str:
    return printable(str(step), 60)
