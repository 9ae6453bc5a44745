"""What PDF reports say of themselves as files, beyond what every report says: one mapping a language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "in_full": (
            "{shown} of {items} stand here in full, those that are not verified before the others. All of them, with "
            "all that is cut short here, are in the attached report.json.gz."
        ),
        "all_in_full": "Where a list is cut short here, the attached report.json.gz has it whole.",
        "overview.more": "And {n} more, which the attached report.json.gz names.",
        "cut_short": "This item is longer than these pages have room for. The attached report.json.gz has all of it.",
        "escapes": (
            "What these pages cannot show, such as control characters and letters of other scripts, stands as an "
            "escape: \\x1b, \\u202e. The attached JSON has every text exactly."
        ),
        "attachments": "Attached to this file",
        "attachments.intro": (
            "A PDF reader lists and saves them. They are part of the file: a signature on it covers them."
        ),
        "attachment.report": "This report as JSON, gzip: every item, every value, every text as it is",
        "attachment.proof": "Proof from the log for item {id} (docs/proof-format.md)",
        "attachment.checkpoint": "The log’s checkpoint, a C2SP signed note",
        "proof.attached": (
            "Attached to this file as {name}: {bytes}, SHA-256 {sha256}, under the head of {size} events."
        ),
        "signer": "Signature",
        "signer.text": (
            "This file is to be signed by {name}, certificate SHA-256 {sha256}. The signature is in the file, not on "
            "its pages (PAdES): a reader of PDF signatures shows and checks it."
        ),
        "footer": (
            "The SHA-256 of this file is on record in the ledger, in the custody event “reported” that was made with "
            "it."
        ),
    },
    "ja": {
        "in_full": (
            "以下には{items}のうち {shown} 件の全内容を示す。検証済みでないものを先に置く。"
            "全件および本書で省略した部分は、添付の report.json.gz に収録している。"
        ),
        "all_in_full": "本書で省略した部分は、添付の report.json.gz に収録している。",
        "overview.more": "ほか {n} 件。添付の report.json.gz に収録している。",
        "cut_short": "本証拠の内容は本書の収録限度を超える。全文は添付の report.json.gz に収録している。",
        "escapes": (
            "制御文字や他の文字体系の文字など、本書で表示できない文字は \\x1b、\\u202e のように示す。"
            "正確な文字列は添付の JSON に収録している。"
        ),
        "attachments": "本書に添付されたファイル",
        "attachments.intro": (
            "PDF 閲覧ソフトで一覧および保存ができる。添付は本書の一部であり、本書への電子署名の対象に含まれる。"
        ),
        "attachment.report": "本報告書の JSON 形式（gzip）：全件、全項目、原文どおりの文字列",
        "attachment.proof": "証拠 {id} についてのログによる証明（docs/proof-format.md）",
        "attachment.checkpoint": "ログのチェックポイント（C2SP 署名付きノート）",
        "proof.attached": (
            "本書に {name} として添付：{bytes}、SHA-256 {sha256}（イベント {size} 件のヘッドに対するもの）。"
        ),
        "signer": "電子署名",
        "signer.text": (
            "本書には {name} が電子署名を行う（証明書の SHA-256：{sha256}）。"
            "電子署名はページ上ではなくファイルの中にあり（PAdES）、"
            "PDF の電子署名に対応した閲覧ソフトで表示および検証できる。"
        ),
        "footer": "本ファイルの SHA-256 は、作成と同時に保管イベント「reported」として台帳に記録されている。",
    },
}
"""By language: texts by name, some with ``{names}``."""
