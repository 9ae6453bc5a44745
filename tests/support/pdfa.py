"""A house check of PDF/A-3b reports by their structure, with pikepdf: what our own files must keep to.

It is NOT a validator: it knows a part of ISO 19005-3 (clauses are named in brackets) and asks more than the standard
where our files always have it, such as an output intent. ``verapdf`` is the judge where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, Stream

PRINT, HIDDEN_FLAGS = 4, 1 | 2 | 32 | 256
RELATIONSHIPS = {"/Source", "/Data", "/Alternative", "/Supplement", "/Unspecified"}
FORBIDDEN_ACTIONS = {
    *("/JavaScript", "/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/Hide", "/SetOCGState"),
    *("/Rendition", "/Trans", "/GoTo3DView"),
}
NAMESPACES = {
    "http://ns.adobe.com/xap/1.0/",
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/pdf/1.3/",
    "http://ns.adobe.com/xap/1.0/mm/",
    "http://www.aiim.org/pdfa/ns/id/",
    "http://www.aiim.org/pdfa/ns/extension/",
    "http://www.aiim.org/pdfa/ns/schema#",
    "http://www.aiim.org/pdfa/ns/property#",
    "http://ns.adobe.com/xap/1.0/t/pg/",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "adobe:ns:meta/",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
}


@dataclass(frozen=True)
class Attachment:
    """One embedded file."""

    name: str
    relationship: str
    mime: str
    data: bytes


def problems(data: bytes) -> list[str]:
    """What speaks against *data* being PDF/A-3b as our reports are."""
    with pikepdf.open(BytesIO(data)) as pdf:
        return [
            *_bytes(data),
            *pdf.check_pdf_syntax(),
            *_document(pdf),
            *_metadata(pdf),
            *_attached(pdf),
            *_objects(pdf),
            *_annotations(pdf),
        ]


def attachments(data: bytes) -> dict[str, Attachment]:
    """The embedded files by name."""
    with pikepdf.open(BytesIO(data)) as pdf:
        made = {}
        for spec in _specs(pdf):
            stream = spec.EF.F
            one = Attachment(str(spec.UF), str(spec.AFRelationship), str(stream.Subtype), stream.read_bytes())
            made[one.name] = one
        return made


def fonts(data: bytes) -> set[str]:
    """Names of the fonts, without the tag of the subset."""
    with pikepdf.open(BytesIO(data)) as pdf:
        found = [str(o.BaseFont) for o in pdf.objects if isinstance(o, Dictionary) and o.get("/Type") == Name.Font]
        return {name.rpartition("+")[2].removesuffix("-Identity-H") for name in found}


def text(data: bytes) -> str:
    """What the pages say, in the order of their content streams, pictures left out; a blank between pieces."""
    with pikepdf.open(BytesIO(data)) as pdf:
        return "\n".join(_page_text(page) for page in pdf.pages)


def _page_text(page: Any) -> str:
    held = page.get("/Resources", {}).get("/Font", {})
    letters = {name: _letters(font.ToUnicode.read_bytes().decode("ascii")) for name, font in held.items()}
    said: list[str] = []
    font = ""
    for operands, operator in pikepdf.parse_content_stream(page, "Tf Tj TJ BT"):
        match str(operator):
            case "Tf":
                font = str(operands[0])
            case "BT":
                said.append(" ")
            case _:
                shown = operands[0] if isinstance(operands[0], Array) else [operands[0]]
                for piece in shown:
                    if isinstance(piece, pikepdf.String):
                        codes = bytes(piece)
                        pairs = (codes[at : at + 2] for at in range(0, len(codes), 2))
                        said += [letters[font].get(int.from_bytes(pair), "") for pair in pairs]
    return "".join(said)


def _letters(cmap: str) -> dict[int, str]:
    """Glyph codes to text (PDF 1.7, 9.10.3)."""
    made: dict[int, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, units in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            made[int(code, 16)] = bytes.fromhex(units).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for first, last, units in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            start = int(units, 16)
            for place in range(int(last, 16) - int(first, 16) + 1):
                made[int(first, 16) + place] = chr(start + place)
    return made


def _bytes(data: bytes) -> Iterator[str]:
    if not re.match(rb"%PDF-1\.[0-7]\r?\n%[\x80-\xff]{4}", data):
        yield "[6.1.2] header, and a comment of four bytes beyond 127"
    if not data.rstrip(b"\r\n").endswith(b"%%EOF"):
        yield "[6.1.3] bytes behind the last %%EOF"
    if re.search(rb"%%EOF[^\r\n]", data):
        yield "[6.1.9] an object does not begin a line"


def _document(pdf: Pdf) -> Iterator[str]:
    if pdf.is_encrypted or "/Encrypt" in pdf.trailer:
        yield "[6.1.3] encrypted"
    if "/ID" not in pdf.trailer:
        yield "[6.1.3] no file identifier"
    intents = [one for one in pdf.Root.get("/OutputIntents", []) if one.get("/S") == Name.GTS_PDFA1]
    if not intents:
        yield "[6.2.3] no output intent GTS_PDFA1"
    for intent in intents:
        profile = intent.DestOutputProfile
        icc = profile.read_bytes()
        if icc[36:40] != b"acsp" or icc[16:20] != b"RGB " or int(profile.N) != 3:
            yield "[6.2.3] the output intent's profile is no RGB profile"
    for name in ("/AA", "/OpenAction"):
        if name in pdf.Root and not isinstance(pdf.Root[name], Array):
            yield f"[6.5.2] {name}"
    if "/Names" in pdf.Root and "/JavaScript" in pdf.Root.Names:
        yield "[6.10] JavaScript"
    form = pdf.Root.get("/AcroForm")
    if form is not None and ("/XFA" in form or form.get("/NeedAppearances") is True):
        yield "[6.4] XFA or NeedAppearances"


def _metadata(pdf: Pdf) -> Iterator[str]:
    if "/Metadata" not in pdf.Root:
        yield "[6.6.2.1] no XMP"
        return
    xmp = pdf.Root.Metadata.read_bytes().decode("utf-8")
    with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as meta:
        if (meta.get("pdfaid:part"), meta.get("pdfaid:conformance")) != ("3", "B"):
            yield f"[6.6.4] it calls itself PDF/A-{meta.get('pdfaid:part')}{meta.get('pdfaid:conformance')}"
    for space in set(re.findall(r'xmlns:\w+="([^"]+)"', xmp)) - NAMESPACES:
        yield f"[6.6.2.3] XMP of another schema: {space}"


def _specs(pdf: Pdf) -> list[Any]:
    found: list[Any] = []

    def walk(node: Any) -> None:
        found.extend(node.get("/Names", [])[1::2] if "/Names" in node else [])
        for kid in node.get("/Kids", []):
            walk(kid)

    if "/Names" in pdf.Root and "/EmbeddedFiles" in pdf.Root.Names:
        walk(pdf.Root.Names.EmbeddedFiles)
    return found


def _attached(pdf: Pdf) -> Iterator[str]:
    associated = {one.objgen for one in pdf.Root.get("/AF", [])}
    for spec in _specs(pdf):
        if not {"/F", "/UF", "/EF", "/AFRelationship", "/Desc"} <= set(spec.keys()):
            yield f"[6.8] file specification with {sorted(spec.keys())} only"
            continue
        if str(spec.AFRelationship) not in RELATIONSHIPS:
            yield f"[6.8] AFRelationship {spec.AFRelationship}"
        if spec.objgen not in associated:
            yield f"[6.8] {spec.UF} is not associated with the document"
        if "/Subtype" not in spec.EF.F or "/ModDate" not in spec.EF.F.get("/Params", {}):
            yield f"[6.8] {spec.UF} without MIME type or time"


def _objects(pdf: Pdf) -> Iterator[str]:
    for one in pdf.objects:
        if isinstance(one, Stream):
            filters = one.get("/Filter", [])
            names = {str(f) for f in ([filters] if isinstance(filters, Name) else filters)}
            if names & {"/LZWDecode", "/Crypt"}:
                yield f"[6.1.7.2] filter {sorted(names)}"
            if "/F" in one or "/FFilter" in one:
                yield "[6.1.7.1] a stream that lies elsewhere"
        if not isinstance(one, Dictionary | Stream):
            continue
        if str(one.get("/S", "")) in FORBIDDEN_ACTIONS:
            yield f"[6.5.1] action {one.S}"
        if one.get("/Type") == Name.Font:
            yield from _font(one)
        if one.get("/Type") == Name.ExtGState and ("/TR" in one or "/TR2" in one):
            yield "[6.2.5] transfer function"


def _font(font: Any) -> Iterator[str]:
    name, kind = font.get("/BaseFont"), str(font.Subtype)
    if kind == "/Type3" or kind.startswith("/CIDFont"):
        return
    holder = font.DescendantFonts[0] if kind == "/Type0" else font
    if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(holder.FontDescriptor.keys()):
        yield f"[6.2.11.4] font {name} is not embedded"
    if "/ToUnicode" not in font:
        yield f"font {name} cannot be copied as text"


def _annotations(pdf: Pdf) -> Iterator[str]:
    for page in pdf.pages:
        if "/AA" in page:
            yield "[6.5.2] /AA of a page"
        for one in page.get("/Annots", []):
            flags, kind = int(one.get("/F", 0)), str(one.Subtype)
            if not flags & PRINT or flags & HIDDEN_FLAGS:
                yield f"[6.3.2] annotation {kind} with flags {flags}"
            seen = float(one.Rect[0]) != float(one.Rect[2]) and float(one.Rect[1]) != float(one.Rect[3])
            if kind not in ("/Link", "/Popup") and seen and "/AP" not in one:
                yield f"[6.3.3] annotation {kind} without appearance"
