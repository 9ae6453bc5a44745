"""The formats of ``report``, and what signs a PDF. Each renderer is imported when it is asked for."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from archiver.cli.output import warn
from archiver.cli.report_file import Draft, Renderer, TextDraft
from archiver.errors import UsageError

if TYPE_CHECKING:
    from archiver.adapters.pdf_key import SigningKey
    from archiver.domain.dossier import Heading, ItemDossier
    from archiver.domain.summary import Summary
    from archiver.ports import ShouldStop
    from archiver.render.pdf_report import PdfReport

FORMATS: Final = ("html", "pdf", "json", "case", "premis")

_ENDINGS: Final = {
    **dict.fromkeys(("", ".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    ".json": "json",
    ".jsonld": "case",
    ".xml": "premis",
}

_PASSPHRASE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """``--sign`` and what goes with it; paths as given."""

    sign: str | None = None
    sign_cert: str | None = None
    sign_passphrase_file: str | None = None
    sign_trust: str | None = None
    tsa: str | None = None

    def key(self, form: str, now: datetime) -> SigningKey | None:
        """The key, None where nothing is to be signed. Raises UsageError, before anything is done."""
        companions = (self.sign_cert, self.sign_passphrase_file, self.sign_trust, self.tsa)
        if self.sign is None:
            if any(companions):
                raise UsageError("--sign-cert, --sign-passphrase-file, --sign-trust and --tsa go with --sign")
            return None
        if form != "pdf":
            raise UsageError("--sign signs PDF reports", "Add --format pdf.")
        from archiver.adapters.pdf_key import read_signing_key
        from archiver.adapters.pdf_signer import check_installed

        check_installed()
        certificates = Path(self.sign_cert) if self.sign_cert else None
        return read_signing_key(Path(self.sign), self._passphrase(), now, certificates)

    def _passphrase(self) -> bytes | None:
        """Never from the command line, which every user of the host can read."""
        if self.sign_passphrase_file is None:
            return None
        try:
            with Path(self.sign_passphrase_file).open("rb") as stream:
                return stream.readline(_PASSPHRASE_BYTES).rstrip(b"\r\n")
        except OSError as error:
            raise UsageError(f"--sign-passphrase-file {self.sign_passphrase_file}: {error.strerror}") from error

    def signed(self, pdf: bytes, key: SigningKey) -> bytes:
        """*pdf* with its signature; what it falls short of is said. Raises UsageError, AnchorError, SigningError."""
        from archiver.adapters.pdf_signer import read_authorities, sign_pdf

        authorities = read_authorities(Path(self.sign_trust)) if self.sign_trust else None
        made = sign_pdf(pdf, key, self.tsa, authorities=authorities)
        if made.shortfall:
            warn(f"the signature is PAdES {made.level}: {made.shortfall}")
        return made.data


def request_options(what: str, language: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """``--language`` (of *language*), who asks for the *what* and why, and ``--at``."""
    wanted = (
        ("--case", f"Case number or name, shown in the {what}."),
        ("--exhibit", f"Exhibit, shown in the {what}."),
        ("--purpose", f"What the {what} is for, shown in it."),
        ("--requester", f"Who asked for the {what}, shown in it."),
    )
    size = f"{what.capitalize()} as of the checkpoint of SIZE events. [newest]"
    made = (
        click.option("--language", type=click.Choice(("en", "ja")), default="en", show_default=True, help=language),
        *(click.option(name, default="", metavar="TEXT", help=told) for name, told in wanted),
        click.option("--at", type=click.IntRange(min=1), metavar="SIZE", help=size),
    )

    def with_request(command: Callable[..., int]) -> Callable[..., int]:
        for option in reversed(made):
            command = option(command)
        return command

    return with_request


def signing_options(command: Callable[..., int]) -> Callable[..., int]:
    """``--sign`` and its companions, given to *command* as ``signing``."""

    @functools.wraps(command)
    def with_signing(*args: Any, **options: Any) -> int:
        names = ("sign", "sign_cert", "sign_passphrase_file", "sign_trust", "tsa")
        return command(*args, signing=SigningOptions(**{name: options.pop(name) for name in names}), **options)

    made = (
        click.option("--sign", metavar="KEY", help="Sign the PDF (PAdES): a PKCS#12 file, or a private key as PEM."),
        click.option("--sign-cert", metavar="FILE", help="The key's certificate and its issuers, PEM."),
        click.option("--sign-passphrase-file", metavar="FILE", help="Holds the key's passphrase on its first line."),
        click.option("--sign-trust", metavar="FILE", help="Trusted roots, PEM: adds proof that nothing was revoked."),
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
    form: str,
    language: str,
    folder: Path | None,
    as_of: datetime | None,
    should_stop: ShouldStop,
    signing: tuple[SigningOptions, SigningKey] | None = None,
) -> Draft:
    """A draft in *form*, whose items pass through *folder*. *as_of*: when the head of the report was signed."""
    if form != "pdf":
        return TextDraft(_renderer(form, language, as_of), folder)
    from archiver.render.pdf_front import Signer
    from archiver.render.pdf_report import PdfReport
    from archiver.render.words.languages import WORDS

    if signing is None:
        return PdfReport(WORDS[language], folder, as_of, None, should_stop)
    options, key = signing
    signer = Signer(key.name, key.sha256)
    return _SignedPdf(PdfReport(WORDS[language], folder, as_of, signer, should_stop), options, key)


class _SignedPdf:
    """``Draft`` of a PDF report that is signed when it is written."""

    def __init__(self, report: PdfReport, options: SigningOptions, key: SigningKey) -> None:
        self.name = report.name
        self._report, self._options, self._key = report, options, key

    def add(self, item: ItemDossier) -> None:
        """See ``Draft``."""
        self._report.add(item)

    def write(self, heading: Heading, summary: Summary, out: IO[bytes]) -> None:
        """See ``Draft``."""
        plain = io.BytesIO()
        self._report.write(heading, summary, plain)
        out.write(self._options.signed(plain.getvalue(), self._key))

    def close(self) -> None:
        """See ``Draft``."""
        self._report.close()


def _renderer(form: str, language: str, as_of: datetime | None) -> Renderer:
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

    return HtmlReport(WORDS[language], as_of)
