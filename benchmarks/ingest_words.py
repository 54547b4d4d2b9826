"""Sentences in English, Chinese and Japanese for generated pages: plausible to a splitter, seeded, and quick.

Each language has a pool of sentences that is made once; pages draw from it. What matters to a chunker is
their script, their length and their punctuation, not their sense.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

EN = (
    "the a your our this each after before when while with without from into about order refund return "
    "parcel brewer kettle grinder filter battery device account invoice payment card address customer "
    "support agent warranty label carrier warehouse subscription box roast bean water tank pump heater "
    "light button screen app firmware update network password code setting recipe schedule export "
    "report page team policy request approve cancel change check clean confirm connect contact deliver "
    "descale download enter find hold install keep open pay press print reach remove replace reset "
    "restart save scan send ship sign start stop store switch test track wait works takes costs "
    "arrives stays seven ten thirty working days hours minutes percent"
)
ZH = (
    "订单 退款 退货 包裹 咖啡机 水壶 磨豆机 滤芯 电池 设备 账户 发票 付款 银行卡 地址 顾客 客服 保修 "
    "面单 快递 仓库 订阅 礼盒 烘焙 咖啡豆 水箱 水泵 加热 指示灯 按钮 屏幕 应用 固件 更新 网络 密码 "
    "验证码 设置 配方 计划 导出 报告 页面 团队 政策 申请 审核 取消 修改 检查 清洗 确认 连接 联系 送达 "
    "除垢 下载 输入 查找 按住 安装 请 您 我们 可以 需要 如果 之后 之前 工作日 小时 分钟 百分之 十 三十 "
    "以及 并且 不能 必须 已经 才会"
)
JA = (
    "注文 返金 返品 荷物 コーヒーメーカー ケトル ミル フィルター バッテリー デバイス アカウント 請求書 "
    "支払い カード 住所 お客様 サポート 保証 ラベル 配送 倉庫 定期便 焙煎 コーヒー豆 タンク ポンプ "
    "ヒーター ランプ ボタン 画面 アプリ ファームウェア 更新 ネットワーク パスワード コード 設定 レシピ "
    "予定 出力 レポート ページ チーム 方針 申請 確認 取消 変更 点検 洗浄 接続 連絡 お届け ダウンロード "
    "入力 検索 交換 が を に で は から まで 場合 してください できます 必要です 営業日 時間 分 以内 "
    "または"
)
CODE = (
    "curl -s https://api.fennbrook.example/v1/orders \\",
    "# fetch the last ten orders first",
    '  -H "Authorization: Bearer $TOKEN" | jq .',
    "const total: Array<Order> = orders.filter(o => o.open)",
    "def retry(times: int) -> None:",
    "    for attempt in range(times):  # each waits longer",
    "        time.sleep(2 ** attempt)",
    '{"order": 4711, "lines": [{"sku": "FB-1", "count": 2}]}',
    "SELECT id, total FROM orders WHERE state = 'open'",
    "## not a heading but a comment",
)
_POOL = 6000


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language's words and how it puts them together; `keys` are a database's columns in it."""

    words: tuple[str, ...]
    space: str
    stop: str
    length: tuple[int, int]
    keys: tuple[str, ...]


TONGUES = {
    "en": Tongue(tuple(EN.split()), " ", ".", (9, 20), ("Status", "Owner", "Tags", "Last edited", "Related")),
    "zh": Tongue(tuple(ZH.split()), "", "。", (8, 18), ("状态", "负责人", "标签", "更新时间", "相关页面")),
    "ja": Tongue(
        tuple(JA.split()), "", "。", (7, 15), ("ステータス", "担当者", "タグ", "更新日", "関連ページ")
    ),
}


@cache
def sentences(language: str, seed: int) -> tuple[str, ...]:
    """The pool of one language; a tenth of the sentences carries a number, as support pages do."""
    # Seeded pseudo-random choice is the point here: the corpus must be the same on every machine.
    rng = random.Random(f"{language}/{seed}")  # noqa: S311
    return tuple(_sentence(rng, TONGUES[language]) for _ in range(_POOL))


def _sentence(rng: random.Random, tongue: Tongue) -> str:
    words = rng.choices(tongue.words, k=rng.randint(*tongue.length))
    if rng.random() < 0.1:
        words[rng.randrange(len(words))] = str(rng.randint(2, 9999))
    text = tongue.space.join(words)
    return text[0].upper() + text[1:] + tongue.stop


def phrase(rng: random.Random, language: str, words: int = 4) -> str:
    """A few words without a stop, as titles, headings and table cells have them."""
    tongue = TONGUES[language]
    text = tongue.space.join(rng.choices(tongue.words, k=words))
    return text[0].upper() + text[1:]


_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W_\u3040-\u30ff\u3400-\u9fff]+")


def count(text: str) -> Counter[str]:
    """Words as a reader counts them; where a script has no spaces, its signs."""
    return Counter(_WORD.findall(text))
