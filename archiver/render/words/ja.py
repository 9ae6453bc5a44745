"""Japanese. Codes, names and recorded details stay as they are; a statute's words stand in English."""

from __future__ import annotations

from typing import Final

from archiver.domain.dossier import Standing
from archiver.domain.evidence import FileRole
from archiver.domain.facts import Absent, Label
from archiver.domain.log_records import KeyStanding
from archiver.domain.verdict import Finding, Reason, Verdict
from archiver.render.words.ja_texts import TEXTS
from archiver.render.words.vocabulary import Words

_LABELS: Final = {
    Label.SIGNED: "AWS の電子署名の対象",
    Label.FITS_KEY: "AWS から得たのではない鍵による署名の対象（AWS の署名とは証明されていない）",
    Label.OBSERVED: "AWS の API（または設定で指定されたサーバー）の応答",
    Label.CLAIMED: "申告のみ（署名の対象外）",
    Label.RECORDED: "本アーカイブの記録",
    Label.STATED: "運用者の申告",
}

_MARKS: Final = {
    Label.SIGNED: "AWS 署名",
    Label.FITS_KEY: "未証明鍵の署名",
    Label.OBSERVED: "AWS API",
    Label.CLAIMED: "申告のみ",
    Label.RECORDED: "当方記録",
    Label.STATED: "運用者申告",
}

_ABSENCES: Final = {
    Absent.NOT_GIVEN: "申告がない",
    Absent.NOT_S3: "取得元がフォルダーであり、該当する情報が存在しない",
    Absent.NOT_ANSWERED: "AWS の応答に含まれていなかった",
    Absent.NOT_ASKED: "取得時に照会していない",
    Absent.REFUSED: "照会したが拒否された。応答は保管記録に残っている",
    Absent.TOO_LATE: "CloudTrail がクエリの情報を提供する 7 日間を過ぎていた",
    Absent.NOT_READ: "本報告書のためにも、過去の報告書のためにも、ファイル全体の読み取りを行っていない",
    Absent.NOT_THERE: "情報の元となるファイルが存在しないか、取得時のものと異なる",
    Absent.NO_COLUMN: "結果に該当する列がない",
    Absent.UNREADABLE: "所定の形式になっていない",
    Absent.NO_KEY: "確認に使用できる公開鍵が記録にない",
    Absent.NEVER: "まだ一度も行われていない",
    Absent.NONE: "該当なし（不要）",
}

_FACTS: Final = {
    "partition": "AWS パーティション",
    "account": "アカウント",
    "region": "リージョン（署名ファイルの記載）",
    "source_name": "取得元の名称",
    "source_url": "取得元の URL",
    "bucket": "バケット",
    "prefix": "取得元での所在",
    "query_id": "クエリ ID",
    "key_region": "公開鍵を提供したリージョン",
    "sql_text": "SQL 文（結果のヘッダー行）",
    "execution_time": "実行時刻（結果のヘッダー行）",
    "query_complete_time": "クエリ完了時刻（署名ファイルの記載）",
    "described_at": "CloudTrail への照会時刻",
    "query_status": "クエリの状態",
    "delivery_status": "配信の状態",
    "delivery_uri": "配信先 URI",
    "owner": "イベントデータストアの所有アカウント",
    "event_data_store": "イベントデータストア（SQL 文の記載）",
    "events_matched": "一致したイベント数",
    "events_scanned": "走査したイベント数",
    "bytes_scanned": "走査したバイト数",
    "milliseconds": "実行時間（ミリ秒）",
    "created_at": "クエリの開始時刻",
    "query_string": "SQL 文（DescribeQuery の応答）",
    "how": "取得方法",
    "who": "実行ユーザー",
    "host": "実行ホスト",
    "version": "使用バージョン",
    "caller": "AWS 上の実行主体",
    "first_seen_at": "初回検知時刻",
    "acquired_at": "取得時刻",
    "clock_offset_ms": "時計のずれ（ミリ秒）",
    "archived_at": "アーカイブ内の所在",
    "revision": "リビジョン",
    "etag": "ETag",
    "version_id": "バージョン ID",
    "last_modified": "最終更新時刻",
    "encryption": "暗号化",
    "retention": "オブジェクトロック",
    "request_id": "リクエスト ID",
    "request_id_2": "リクエスト ID 2",
    "sha512": "SHA-512",
    "packing": "gzip",
    "unpacked": "展開後のバイト数",
    "rows": "行数",
    "first_event": "最初のイベント",
    "last_event": "最後のイベント",
}

_VALUES: Final = {
    "how.fetched": "取得",
    "how.imported": "取り込み",
    "how.fetched_s3": "S3 API による取得（各オブジェクトのバージョンまたは ETag を固定）",
    "how.fetched_folder": "フォルダーからの読み取り",
    "packing.intact": "末尾まで正常",
    "packing.damaged": "破損",
    "packing.not_gzip": "gzip ファイルではない",
    "packing.too_large": "展開後の大きさが上限を超えるため、末尾まで読んでいない",
    "occasion.acquisition": "取得時",
    "occasion.audit": "再読み取り",
    "occasion.key": "公開鍵の入手に伴う再判定",
    "occasion.repair": "修復後の再読み取り",
}

_SENTENCES: Final = {
    "evidence_acquired": "{url} から{files}を{how}。判定：{outcome}",
    "evidence_verified": "{occasion}。判定：{outcome}",
    "source_observed": "取得元の観測：{finding}：{detail}",
    "source_restored": "取得元で削除されていたものが、再び同一の内容で存在している",
    "evidence_repaired": "{url} から{files}を修復：{paths}",
    "query_described": "クエリ {query} について CloudTrail に照会。{refusal}",
    "evidence_surveyed": "{files}を末尾まで読み取り（SHA-512、行数、イベント時刻）",
    "reported": "報告書（{form}）に収録。SHA-256 {sha256}",
    "events_accounted": "パッケージに収録する項目に関するログの全件を計上",
    "exported": "証拠パッケージ（{form}）に収録。tagmanifest-sha256.txt の SHA-256 {sha256}",
}

_STEPS: Final = {
    "places": ("所在の設定：アーカイブ、その中の配信フォルダー、作業用フォルダー", ""),
    "hashes": (
        "各結果ファイルのハッシュ値（圧縮されたままのバイト列に対するもの）",
        "署名ファイルに記載の値：{listed}",
    ),
    "many_hashes": (
        "各結果ファイルのハッシュ値（圧縮されたままのバイト列に対するもの）",
        "各ファイルについて、署名ファイルがその名前とともに記載しているハッシュ値",
    ),
    "key": (
        "公開鍵：フィンガープリント（MD5）、同一性（SHA-256）、および openssl で検証できる形式への変換",
        "MD5 {fingerprint}（署名ファイルの記載と一致）、SHA-256 {sha256}",
    ),
    "asked_key": (
        "公開鍵：このフィンガープリントの鍵はアーカイブにないため、AWS に照会する必要がある",
        "公開鍵が得られること。その MD5（openssl dgst -md5）が {fingerprint} であること",
    ),
    "signing": (
        "署名対象の文字列：記載順のハッシュ値を空白 1 文字で連結したもの（改行なし）",
        "{sha256}（取得時の記録のとおり）",
    ),
    "signature": ("署名：16 進表記からバイト列への変換", ""),
    "check": ("署名の検証", "Verified OK"),
}

_VERDICTS: Final = {
    Verdict.VERIFIED: (
        "電子署名は有効であり、署名の対象であるファイルはすべて、署名されたとおりのバイト列で存在する。"
    ),
    Verdict.FAILED: "少なくとも一つの検査で否定的な結果が出た。その理由を以下に示す。",
    Verdict.INDETERMINATE: "判定に必要なものが入手できず、判定できなかった。判定は改めて試みられる。",
    Verdict.PENDING: "配信の途中であり、まだ証拠ではない。",
}

_REASONS: Final = {
    Reason.SIGN_FILE_INVALID: "署名ファイルが CloudTrail の定める形式になっていない",
    Reason.SIGN_FILE_UNSUPPORTED: "署名ファイルに未知のバージョンまたはアルゴリズムが記載されている",
    Reason.SIGNATURE_INVALID: "ハッシュ値一覧に対する電子署名が有効でない",
    Reason.KEY_FINGERPRINT_MISMATCH: "提示された公開鍵が、フィンガープリントの示す鍵ではない",
    Reason.FILE_MISSING: "署名ファイルに記載されたファイルが存在しない",
    Reason.HASH_MISMATCH: "ファイルのバイト列が、署名ファイルに記載されたハッシュ値と一致しない",
    Reason.ARCHIVE_ALTERED: "アーカイブ内のバイト列が、取得時のバイト列と異なる",
    Reason.LEDGER_ALTERED: "本証拠について、台帳の内容が相互に矛盾している",
    Reason.UNSIGNED: "結果に署名ファイルが付されていなかった",
    Reason.KEY_UNAVAILABLE: "署名ファイルが指定する公開鍵を入手できなかった",
    Reason.READ_ERROR: "記憶媒体または取得元が、データの代わりにエラーを返した",
}

_FINDINGS: Final = {
    Finding.UNLISTED_FILE: "署名ファイルに記載のないファイルが存在する",
    Finding.REPLAYED_HASH_LIST: "同一の署名済みハッシュ値一覧が、別のクエリ ID の下でも確認されている",
    Finding.TIME_INCONSISTENT: "記載されている時刻が相互に矛盾している",
    Finding.KEY_OUTSIDE_WINDOW: "記載されている時刻が、公開鍵の有効期間の外にある",
    Finding.FILES_OUT_OF_ORDER: "署名ファイルにおけるファイルの記載が、番号順でも名前順でもない",
    Finding.REGION_MISMATCH: "公開鍵が、署名ファイルに記載されたリージョンとは別のリージョンのものである",
    Finding.PATH_NONSTANDARD: "CloudTrail が結果を配信する標準の場所に置かれていなかった",
    Finding.DECOMPRESSED_COPY: "署名対象のファイルを展開した複製とみられるファイルがある",
    Finding.GZIP_DAMAGED: "正常な gzip ファイルではないファイルがある",
    Finding.SOURCE_CHANGED: "取得後、取得元のオブジェクトが変化した",
    Finding.SOURCE_DELETED: "取得元には、もはや存在しない",
}

_STANDINGS: Final = {
    Standing.SIGNED: "署名された値と一致",
    Standing.LISTED: "記載のとおり（署名の対象であることは未証明）",
    Standing.MISMATCH: "署名ファイルの記載と不一致",
    Standing.MISSING: "記載があるにもかかわらず配信されていない",
    Standing.ALTERED: "取得後に改変または滅失",
    Standing.UNREAD: "読み取り不能",
    Standing.UNLISTED: "どの署名ファイルにも記載がなく、署名の対象外",
    Standing.SIGN_FILE: "電子署名を収めたファイル（それ自体は署名の対象外）",
}

_ROLES: Final = {
    FileRole.SIGN_FILE: "署名ファイル",
    FileRole.RESULT: "結果ファイル",
    FileRole.UNLISTED: "記載のないファイル",
}

_KEYS: Final = {
    KeyStanding.CONFIGURED: "設定された鍵",
    KeyStanding.ADOPTED: "本ログの別の鍵。採用の事実は、下記のチェックポイントにより証明される",
    KeyStanding.NOT_CONFIGURED: "設定された鍵ではない。台帳は本ログの鍵とするが、これを裏付けるものがない",
    KeyStanding.NOT_COMPARED: "台帳の記載のみによる。設定された鍵との照合ができなかった",
}

_SIGNATURES: Final = {
    "pass": "有効である",
    "fail": "有効でない",
    "unknown": "検証できなかった",
    "skip": "検証されていない",
}

_CHECKS: Final = {
    "sign_file": "署名ファイルの形式",
    "key": "公開鍵",
    "signature": "ハッシュ値一覧に対する電子署名",
    "files": "記載された各ファイルのハッシュ値",
    "archive": "アーカイブと取得時の内容との照合",
    "ledger": "台帳とその記録との照合",
}

_RESULTS: Final = {"pass": "合格", "fail": "不合格", "unknown": "不明", "skip": "省略", "finding": "指摘"}

_NOT_COVERED: Final = (
    (
        "署名の対象は、順序付きのハッシュ値一覧のみである",
        "ファイル名、リージョン、クエリ完了時刻、バージョン、アカウント、クエリ ID、バケット、およびパス中の日付は、"
        "いずれもそれを書き込んだ者の申告にとどまる。二つのファイルを名前ごと入れ替えても、検証は成功する。",
    ),
    (
        "署名ファイルに記載のないファイル",
        "フォルダーには何でも置くことができる。どの署名ファイルにも記載のないものは、記載のないファイルとして区別して"
        "保管し、何の証拠ともしない。",
    ),
    (
        "配信物が置かれている場所",
        "真正な配信物を別のクエリ、日付またはアカウントのパスに複製しても、検証は成功する。ただし、"
        "署名対象である結果のヘッダー行には実行時刻がマイクロ秒単位で記録されるため、"
        "異なるクエリのハッシュ値一覧が同一になることはない。同一の一覧が複数確認された場合、"
        "本報告書はその旨を示す。",
    ),
    (
        "ここに存在しないもの",
        "クエリとクエリとを結び付けるものはない。アーカイブされる前に削除された配信物は、他の配信物に痕跡を残さない。"
        "その存在は、当時作成された目録によってのみ知ることができる。",
    ),
    (
        "署名の時点",
        "公開鍵の有効期間は、署名の時点をおおまかに限定するにすぎず、"
        "署名ファイルに記載された時刻は署名の対象ではない。この時刻は、署名対象のヘッダー行、パス中の日付、"
        "保存時刻および公開鍵の有効期間と照合し、矛盾があれば指摘事項として個別に報告する。",
    ),
    (
        "公開鍵の帰属",
        "証拠とともに置かれていた鍵は、両者が対応していることを示すにすぎない。各公開鍵をどのエンドポイントから、"
        "誰が、いつ入手したかは、鍵とともに示す。MD5 フィンガープリントは偽造され得る名称にすぎず、"
        "SHA-256 が鍵を特定する。",
    ),
    (
        "クエリの対象外となったもの",
        "結果は、一つのクエリが一つのイベントデータストアから抽出したものである。"
        "イベントは遅れて到着することがあるため、同じクエリを後日実行しても同じバイト列は得られない。再実行は、"
        "過去の結果を裏付けるものでも、修復するものでもない。",
    ),
)

_VERIFIED_MEANS: Final = (
    "公開鍵の属するリージョンの CloudTrail が、まさにこのバイト列に署名したことを意味する。"
    "ただし、これは CloudTrail 自身が公開鍵を提供した場合に限る。"
    "運用者が公開鍵を取り込んだ場合や、別のサーバーから得た場合は、"
    "対応する秘密鍵を持つ者が署名したことを意味するにとどまり、それが CloudTrail であることは証明されていない。"
    "記録されたイベントが実際に起きたこと、記録が完全であること、"
    "または立証しようとする事項に対応していることを意味するものではない。"
)

_VERDICT_NAMES: Final = {
    Verdict.VERIFIED: "検証済み",
    Verdict.FAILED: "検証失敗",
    Verdict.INDETERMINATE: "判定不能",
    Verdict.PENDING: "配信待ち",
}

WORDS: Final = Words(
    language="ja",
    labels=_LABELS,
    marks=_MARKS,
    absences=_ABSENCES,
    verdicts=_VERDICTS,
    verdict_names=_VERDICT_NAMES,
    reasons=_REASONS,
    findings=_FINDINGS,
    standings=_STANDINGS,
    roles=_ROLES,
    keys=_KEYS,
    signatures=_SIGNATURES,
    checks=_CHECKS,
    results=_RESULTS,
    facts=_FACTS,
    values=_VALUES,
    sentences=_SENTENCES,
    steps=_STEPS,
    texts=TEXTS,
    verified_means=_VERIFIED_MEANS,
    not_covered=_NOT_COVERED,
)
