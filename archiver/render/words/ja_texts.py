"""Japanese: headings and running text."""

from __future__ import annotations

from typing import Final

TEXTS: Final = {
    # of the whole report
    "kind": "AWS CloudTrail Lake クエリ結果",
    "title": "保管の連鎖（Chain of Custody）報告書",
    "report_id": "報告書番号",
    "case": "事件番号",
    "exhibit": "証拠番号",
    "purpose": "目的",
    "requester": "依頼者",
    "generated": "作成",
    "generated_by": "{at}、ホスト {host} のユーザー {user} による",
    "tool": "使用ツール",
    "selection": "対象",
    "choice.all": "アーカイブされたすべての項目",
    "choice.ids.one": "ID で指定した 1 件",
    "choice.ids.many": "ID で指定した {n} 件",
    "choice.since": "{value} 以降に取得",
    "choice.until": "{value} より前に取得",
    "choice.verdict": "現在の判定が「{value}」",
    "choice.source": "取得元 {value}",
    "choice.account": "アカウント {value}",
    "ledger": "台帳",
    "archive": "アーカイブ",
    "as_of": "基準時点",
    "as_of_head": "イベント {size} 件の署名済みヘッド（{at} 作成開始）",
    "as_of_events": "台帳の先頭から {size} 件のイベント",
    "as_of_all": "台帳の全イベント（署名済みヘッドは照会していない）",
    "unreadable_event": "このイベントの本文は読み取れない（{trouble}）",
    "none": "なし",
    "not_known": "不明",
    "join": "、",
    "pair": "{what}：{text}",
    "no_value": "値なし",
    "items.one": "{n} 件",
    "items.many": "{n} 件",
    "files.one": "{n} 個のファイル",
    "files.many": "{n} 個のファイル",
    "hashes.one": "ハッシュ値 {n} 個",
    "hashes.many": "ハッシュ値 {n} 個",
    "bytes.one": "{n} バイト",
    "bytes.many": "{n} バイト",
    "times.one": "1 回",
    "times.many": "{n} 回",
    "more.one": "ほか {n} 件（全件は JSON 形式の報告書に記載）。",
    "more.many": "ほか {n} 件（全件は JSON 形式の報告書に記載）。",
    # the result
    "result": "結果",
    "result.failed": "{items}中 {n} 件が「検証失敗」",
    "result.indeterminate": "{items}中 {n} 件が「判定不能」",
    "result.verified": "全件検証済み：{items}",
    "result.verified_unread": "全件、最後の判定では検証済み。ただし本報告書のために全件を読み取ってはいない：{items}",
    "result.unverified": "検証できない：台帳、またはヘッドの署名者を、本報告書のために確認できなかった（{items}）",
    "result.log_unverified": "ログの全体は検証できなかった。理由は「保管の連鎖を記録するログ」の節に示す",
    "result.empty": "本報告書の対象となる証拠はない",
    "result.disagreeing": "うち {n} 件について、台帳の内容が相互に矛盾している",
    "result.contradicted": "不合格：本報告書の基となる台帳が、検証に合格しない",
    "result.altered": (
        "本報告書のために読み取ったところ、うち {n} 件について、アーカイブの内容が取得したものと一致しない"
    ),
    "result.unread": "うち {n} 件について、本報告書のための読み取りができないファイルがある",
    "result.log": "ログの正当性が確認できない。理由は「保管の連鎖を記録するログ」の節に示す",
    "result.imported": (
        "{items}は、CloudTrail が提供したという記録のない鍵で署名されている。CloudTrail の署名とは証明されていない"
    ),
    "result.read": (
        "本報告書のために全ファイルを読み取り、取得したものと一致することを確認した件数：{items}中 {n} 件。"
    ),
    "result.figures": (
        "{files}、{size}。指摘事項のあるもの（判定には影響しない）：{with_findings} 件。"
        "次回の読み取り期限を過ぎたもの：{overdue} 件。各判定は、それぞれの証拠が最後に判定された時点のものであり、"
        "その時点は個別に示す。"
    ),
    "result.events": "本報告書のために読み取ったファイルに含まれるイベントの期間：{first} から {last} まで。",
    "overview": "一覧",
    "overview.verdict": "判定",
    "overview.evidence": "証拠 ID",
    "overview.query": "取得元とクエリ",
    "overview.codes": "理由・指摘事項",
    "overview.more": "ほか {n} 件。この一覧には記載していないが、以下に個別に示す。",
    "labels": "各値の出所",
    "verified_means": "「検証済み」の意味と、電子署名の対象外であるもの",
    "evidence": "証拠",
    # one item
    "disagrees": "台帳の内容が相互に矛盾している：{what}",
    "proved": "証明されていること",
    "not_proved": "証明されていないこと",
    "proved.signed": "CloudTrail は次の順序のハッシュ値一覧に署名した：{hashes}。電子署名は{signature}。",
    "proved.signed_unlisted": (
        "次のハッシュ値一覧は鍵 {key}（{whence}）で署名されている。"
        "この鍵が CloudTrail のものであることは、ここでは証明されていない。{hashes}。電子署名は{signature}。"
    ),
    "key.imported": "運用者が取り込んだもの",
    "key.elsewhere": "AWS のエンドポイントではない {endpoint} が提供したもの",
    "key.unheld": "写しが記録にないもの",
    "proved.nothing": "署名の対象であると証明されたものはない。電子署名は{signature}。",
    "proved.never_judged": "一度も検証されていない",
    "proved.files": "{files}中 {n} 個が、署名されたとおりのバイト列である（{at} の判定による）。",
    "proved.read": "全ファイルを本報告書のために読み取り、取得したものとバイト単位で一致することを確認した。",
    "proved.log": (
        "本項目のみに関する {n} 件の保管イベントと、その鍵のイベントがログに記録されている。その証明は後に示す。"
    ),
    "not_proved.file": "{file}：{standing}",
    "not_proved.key": (
        "CloudTrail が署名したこと：鍵 {key}（{whence}）の写しに、CloudTrail の ListPublicKeys から得たものはない。"
        "証明されるのは、鍵と証拠とが互いに適合することだけである。"
    ),
    "not_proved.not_read": (
        "本報告書のために全ファイルを読み取ってはいない。ファイルに関する記載は、最後の判定（{at}）時点のものである。"
    ),
    "not_proved.claims": (
        "ファイル名、アカウント、リージョン、クエリ ID および完了時刻は申告にとどまり、署名の対象ではない。"
    ),
    "not_proved.overdue": "次回の読み取り期限 {at} を既に過ぎている。",
    "not_proved.no_proof": "ログによる証明は、本報告書に含まれていない。",
    "source": "取得元",
    "query": "クエリ",
    "acquisition": "取得",
    "files": "ファイル（取得時の内容）",
    "file.path": "アーカイブ内の所在",
    "file.size": "サイズ",
    "file.computed": "SHA-256（取得時）",
    "file.last_read": "SHA-256（最後の読み取り時）",
    "file.event": "イベント {seq}",
    "file.signed": "SHA-256（署名された値）",
    "file.listed": "SHA-256（記載値）",
    "file.not_delivered": "配信されていない",
    "signed_list": "署名されたハッシュ値一覧",
    "sign_file": "署名ファイル、電子署名および公開鍵",
    "sign_file.text": "署名ファイルの原文",
    "sign_file.sha256": "署名ファイルの SHA-256",
    "sign_file.signing": "署名対象の文字列",
    "sign_file.signature": "電子署名（16 進表記）",
    "key.fingerprint": "公開鍵のフィンガープリント（MD5）",
    "key.sha256": "公開鍵の SHA-256",
    "key.path": "アーカイブ内の所在",
    "key.region": "リージョン",
    "key.window": "有効期間",
    "key.obtained": "入手の経緯",
    "key.obtained_how": "{at}、{method}（{endpoint}）",
    "key.caller": "実行主体 {caller}",
    "key.request": "リクエスト {id}",
    "key.none": "なし：判定に使用できる公開鍵が記録にない。",
    "checks": "検査",
    "checks.intro": "全 {n} 回の判定。同じ結果が続く判定はまとめ、その最後の判定の検査結果を示す。",
    "checks.run": "{times}、{first}（{first_occasion}）から {last}（{last_occasion}）まで",
    "fixity": "完全性（Fixity）の確認",
    "fixity.count": "判定の回数",
    "fixity.first": "最初の判定",
    "fixity.last": "最後の判定",
    "fixity.last_good": "最後に検証済みとなった判定",
    "fixity.first_bad": "その後最初の否定的な判定",
    "fixity.failures": "検証失敗",
    "fixity.due": "次回の期限",
    "fixity.overdue": "期限超過",
    "fixity.line": "{at}、{occasion}、イベント {seq}",
    "custody": "保管の連鎖",
    "custody.intro": (
        "本証拠に関するすべてのイベントを、ログにおけるリーフ番号とともに示す。ファイルに関するイベントには、"
        "その前後の SHA-256 を付記する。"
    ),
    "custody.leaf": "リーフ",
    "custody.when": "日時",
    "custody.who": "実行者",
    "custody.what": "内容",
    "custody.actor": "{host} 上の {user}（{version}）",
    "custody.body": "本文の SHA-256",
    "custody.before": "前",
    "custody.after": "後",
    "custody.no_file": "ファイルがないか、読み取れない",
    "custody.first_hash": "最初の記録",
    "custody.unchanged": "変化なし",
    "custody.same": "{hashes}、前後ともリーフ {seq} と同一",
    "proof": "ログによる証明",
    "proof.text": "イベント {size} 件のヘッドに対する証明ファイル（docs/proof-format.md）：{bytes}、SHA-256 {sha256}",
    "proof.elsewhere": "長いため本報告書には収録していない。次のコマンドで出力できる：{command}",
    "proof.none": "なし：{trouble}",
    "proof.checkpoint": "この証明の到達点であるチェックポイントは、ログの節に一度だけ示す。",
    "steps": "手作業による再検証",
    "steps.intro": (
        "アーカイブを読み取れる環境で、一つのシェルの中で順に実行する。openssl、grep および xxd を要する。"
    ),
    "steps.expected": "期待される結果：{what}",
    # the log
    "log": "保管の連鎖を記録するログ",
    "log.intro": "すべての保管イベントは一つのハッシュ木のリーフであり、その頂点（ヘッド）に電子署名を付したものが"
    "チェックポイントである。本報告書を保存しておけば、後日のチェックポイントと照合することにより、それ以前の記録が"
    "その後に変更、削除または挿入されたかどうかを確認できる。",
    "log.none": "本報告書は、ログを照会せずに作成された。",
    "log.forked": "台帳と公開ログが互いに矛盾している：{why}",
    "log.held": "本報告書のための検証",
    "log.held.good": "{size} 件の全イベント、木、署名済みヘッド、公開ログ、および台帳の全行を照合した。問題はない",
    "log.held.not": "本報告書のための台帳の検証は行っていない",
    "log.held.problems": "台帳が検証に合格しない：{problems}。全件は archiver ledger verify が示す。",
    "log.held.note": "一部は確認できなかった：{why}",
    "log.stranger": "台帳が、設定された鍵ではない鍵を本ログの鍵としている：{key}",
    "log.unasked": "設定された鍵を入手できず、本ログの鍵と照合できなかった：{why}",
    "log.trouble": "下記のチェックポイントは検証されていない：{why}",
    "log.key": "検証鍵",
    "log.claimed": "台帳に記載の鍵",
    "log.events": "イベント数",
    "log.root": "全体のルートハッシュ",
    "log.root_unreadable": "読み取れない：archiver ledger verify",
    "log.checkpoint": "チェックポイント",
    "log.head": "イベント {size} 件、{at} 作成開始",
    "log.verified": "検証済み：設定された鍵による署名であり、台帳のハッシュ木と一致する",
    "log.not_verified": "未検証",
    "log.last": "台帳の検証",
    "log.last.never": "記録なし（ledger verify が実行された記録はない）",
    "log.last.unreadable": "イベント {seq} に記録されているが、読み取れない：archiver ledger verify",
    "log.last.line": "{at}、先頭から {size} 件のイベントについて{problems}、未検査 {unchecked} 件（イベント {seq}）",
    "log.last.failed": "最後の検証において、台帳の内容は整合していなかった：{problems}",
    "problems.one": "問題 {n} 件",
    "problems.many": "問題 {n} 件",
    "log.later": (
        "後日の台帳を本ページと照合するには、台帳を読み取れる環境で次を実行する"
        "（それ以外の読者には archiver ledger prove がある）："
    ),
    "log.no_head": "まだ署名されていない",
    "footer": "本ページの SHA-256 は、作成と同時に保管イベント「reported」として台帳に記録されている。",
    # pictures
    "timeline": "保管の経過",
    "timeline.desc": "{first} から {last} までの{events}を、種類ごとに一行で示す。",
    "events.one": "{n} 個の時点",
    "events.many": "{n} 個の時点",
    "timeline.scales": "縮尺は二つある：区切りの左は{left}、右は{right}。それぞれの中では均等である。",
    "timeline.scale": "縮尺は一つで均等：{span}。",
    "timeline.outside": "端の三角形：図の範囲の外。時刻は項目名とともに示す。",
    "timeline.executed": "クエリの実行",
    "timeline.completed": "クエリの完了",
    "timeline.delivered": "配信",
    "timeline.first_seen": "初回検知",
    "timeline.acquired": "取得",
    "timeline.judged": "判定",
    "timeline.repaired": "修復",
    "timeline.observed": "取得元の観測",
    "timeline.report": "本報告書の署名済みヘッド",
    "timeline.spread": "{times}、{first} から {last} まで",
    "days.one": "{n} 日",
    "days.many": "{n} 日",
    "hours.one": "{n} 時間",
    "hours.many": "{n} 時間",
    "minutes.one": "{n} 分",
    "minutes.many": "{n} 分",
    "calendar": "完全性確認の暦",
    "calendar.desc": (
        "判定を行った日を、その日の最も悪い判定で示す。{first} から {last} まで、計 {times}。"
        "読み取りのない最長の期間：{gap}。"
    ),
    "calendar.kept": "保管中（読み取りなし）",
    "calendar.weekdays": "月 火 水 木 金 土 日",
    "calendar.months": "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
    "calendar.years_left_out": "これより前の年は省略した：{n} 年分。",
    "coverage": "対象期間の分布",
    "coverage.desc": "パス中の日付（ない場合は取得日）ごとの件数を判定別に示す：{items}、{first} から {last} まで。",
    "coverage.by_day": "日別",
    "coverage.by_month": "月別",
    "coverage.by_year": "年別",
    "coverage.gap": "該当なし",
    "coverage.left_out": "図に示していない、これより前のもの：{n} 件。",
    # the certification
    "certification": "証明書（certification）の草案",
    "certification.draft": (
        "【草案・法的助言ではない】台帳の記録から作成したものである。内容を自ら確認し、"
        "これについて供述できる適格者（qualified person）のみが、記入、修正および署名をすることができる。"
        "使用の可否および方法は、弁護士が判断する。"
    ),
    "certification.know": "署名者が知っておくべきこと",
    "certification.902": (
        "連邦証拠規則（Federal Rules of Evidence）902 条(13) 項および (14) 項は、適格者の証明書により、証言に代えて、"
        "記録の真正性を自己証明できるものとする。(13) 項は正確な結果を生成する処理またはシステムに関するもの、(14)"
        " 項はハッシュ値等により同一性が確認された複製に関するものである。いずれも 902 条(11) 項（国内）または (12)"
        " 項（国外）の方式と通知を要する。"
    ),
    "certification.know.qualified": (
        "署名者は、記録の管理者その他の適格者、すなわち本書の内容について証言できる者でなければならない。訓練、"
        "経験および本件における役割を記載すること。"
    ),
    "certification.know.check": (
        "署名の前に自ら確認すること。証明の対象である複製について、"
        "各証拠に付したコマンドによりハッシュ値と電子署名を再検証し、"
        "信頼できる鍵によりログのチェックポイントを確認する。"
    ),
    "certification.know.exceptions": (
        "例外はすべて記載すること。検証失敗または判定不能の証拠は同一の複製ではなく、そのように記載してはならない。"
        "運用者が取り込んだだけの鍵による証拠については、AWS CloudTrail が署名したことは示されていない。"
        "ListPublicKeys により鍵を入手するか、そのように記載しないこと。"
    ),
    "certification.know.limits": (
        "証明するのは真正性、すなわち記録がその称するとおりのものであることに限られる。イベントが実際に起きたか、"
        "完全であるか、伝聞および関連性の問題は、別に残る。"
    ),
    "certification.know.notice": (
        "公判または審問の前に、記録を提出する意図を相手方に書面で合理的に通知し、"
        "記録および証明書を閲覧に供さなければならない。"
    ),
    "certification.know.penalty": (
        "虚偽の記載は偽証罪に問われ得る。署名する場所に応じた方式を用いること。合衆国外では、902 条(12) 項は、"
        "民事事件において、虚偽であれば署名地で処罰される方式による署名を求める。"
    ),
    "certification.rule": "規則の本文",
    "certification.statement": "陳述の草案（提出言語である英語で示す）",
    "certification.1746": "合衆国法典第 28 編 1746 条（28 U.S.C. § 1746）：宣誓に代わる宣言の文言",
    "certification.choose": "いずれか一方を選び、他方を抹消すること。",
    "certification.without": "合衆国外で署名する場合",
    "certification.within": "合衆国、その準州、属領または自治領内で署名する場合",
    "certification.name": "氏名",
    "certification.position": "役職・所属",
    "certification.address": "住所",
    "certification.signature": "署名",
    "certification.date": "日付",
    "certification.place": "署名地",
}
