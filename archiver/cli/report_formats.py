"""The formats of ``report``, and what signs a PDF. Each renderer is imported when it is asked for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from archiver.cli.report_file import Draft, Renderer, TextDraft
from archiver.errors import UsageError

FORMATS: Final = ("html", "pdf", "json", "case", "premis")

_ENDINGS: Final = {
    **dict.fromkeys(("", ".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    ".json": "json",
    ".jsonld": "case",
    ".xml": "premis",
}


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """``--sign`` and what goes with it; paths as given."""

    sign: str | None
    sign_cert: str | None
    sign_passphrase_file: str | None
    tsa: str | None

    def check(self, form: str, environ: Mapping[str, str]) -> None:
        """Raises UsageError for what cannot be, before anything is done."""
        if self.sign is None:
            if self.sign_cert or self.sign_passphrase_file or self.tsa:
                raise UsageError("--sign-cert, --sign-passphrase-file and --tsa go with --sign")
            return
        if form != "pdf":
            raise UsageError("--sign signs PDF reports", "Add --format pdf.")
        self.key(environ)

    def key(self, environ: Mapping[str, str]) -> Any:
        raise NotImplementedError


def signing_options(command: Callable[..., int]) -> Callable[..., int]:
    """``--sign`` and its companions, given to *command* as ``signing``."""

    @functools.wraps(command)
    def with_signing(*args: Any, **options: Any) -> int:
        names = ("sign", "sign_cert", "sign_passphrase_file", "tsa")
        return command(*args, signing=SigningOptions(**{name: options.pop(name) for name in names}), **options)

    made = (
        click.option("--sign", metavar="KEY", help="Sign the PDF (PAdES): a PKCS#12 file, or a private key as PEM."),
        click.option("--sign-cert", metavar="FILE", help="The key's certificate and its issuers, PEM."),
        click.option("--sign-passphrase-file", metavar="FILE", help="Holds the key's passphrase on its first line."),
        click.option("--tsa", metavar="URL", help="RFC 3161 authority that time-stamps the signature."),
    )
    for option in reversed(made):
        with_signing = option(with_signing)
    return with_signing


def format_of(given: str | None, out: str) -> str:
    """The format: as *given*, else as the name *out* ends. Raises UsageError."""
    suffix = Path(out).suffix.lower()
    if given is None and suffix not in _ENDINGS:
        raise UsageError(
            f"--out {out}: {suffix} is no format of reports", f"Choose with --format {'|'.join(FORMATS)}."
        )
    return given or _ENDINGS[suffix]


def draft_of(
    form: str, language: str, folder: Path | None, signing: SigningOptions, environ: Mapping[str, str]
) -> Draft:
    """A draft in *form*, whose items pass through *folder*."""
    if form == "pdf":
        raise NotImplementedError
    return TextDraft(_renderer(form, language), folder)


def _renderer(form: str, language: str) -> Renderer:
    if form == "json":
        from archiver.render.json_report import JsonReport

        return JsonReport()
    if form == "case":
        from archiver.render.case_report import CaseReport

        return CaseReport()
    if form == "premis":
        from archiver.render.premis_report import PremisReport

        return PremisReport()
    from archiver.render.html_report import HtmlReport
    from archiver.render.words.languages import WORDS

    return HtmlReport(WORDS[language])
