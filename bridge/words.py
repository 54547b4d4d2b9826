"""The few sentences that the bridge says of its own accord, in the customer's language. Pure.

Script tells Chinese, Japanese and Korean; for the Latin script the channel's own hint (the browser's
language) decides, and English where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kbtool.script import language as script_language
from kbtool.smalltalk import Smalltalk


@dataclass(frozen=True, slots=True)
class Words:
    """One language's sentences."""

    greeting: str
    thanks: str
    closing: str
    clarify: str
    handoff: str

    def answer_to(self, talk: Smalltalk) -> str:
        return {
            Smalltalk.GREETING: self.greeting,
            Smalltalk.THANKS: self.thanks,
            Smalltalk.CLOSING: self.closing,
        }[talk]


ENGLISH = Words(
    greeting="Hello! What can I help you with?",
    thanks="You're welcome!",
    closing="Thank you, and goodbye!",
    clarify="Could you tell me a little more: which product or order is it about, and what happened?",
    handoff="I'm passing this on to a colleague, who will answer you here.",
)
WORDS: Mapping[str, Words] = {
    "en": ENGLISH,
    "zh": Words(
        greeting="您好！请问有什么可以帮您？",
        thanks="不客气！",
        closing="感谢您的咨询，再见！",
        clarify="可以再说得具体一点吗？比如是哪件商品或哪笔订单，遇到了什么情况？",
        handoff="我这就为您转接人工客服，同事会在这里回复您。",
    ),
    "ja": Words(
        greeting="こんにちは。どのようなご用件でしょうか？",
        thanks="どういたしまして。",
        closing="ありがとうございました。失礼いたします。",
        clarify="もう少し詳しく教えていただけますか？どの商品・ご注文についてで、何が起きましたか？",
        handoff="担当者におつなぎします。こちらで返信いたしますので、少々お待ちください。",
    ),
    "ko": Words(
        greeting="안녕하세요! 무엇을 도와드릴까요?",
        thanks="천만에요!",
        closing="감사합니다. 안녕히 계세요!",
        clarify="조금 더 자세히 알려 주시겠어요? 어떤 상품이나 주문에 관한 것이고, 어떤 문제가 있었나요?",
        handoff="담당자에게 연결해 드리겠습니다. 이 대화에서 답변을 드릴 예정입니다.",
    ),
    "de": Words(
        greeting="Hallo! Wobei kann ich Ihnen helfen?",
        thanks="Gern geschehen!",
        closing="Vielen Dank und auf Wiedersehen!",
        clarify="Können Sie das etwas genauer sagen: Um welches Produkt oder welche Bestellung geht es, "
        "und was ist passiert?",
        handoff="Ich gebe das an eine Kollegin oder einen Kollegen weiter; Sie bekommen hier Antwort.",
    ),
    "fr": Words(
        greeting="Bonjour ! En quoi puis-je vous aider ?",
        thanks="Je vous en prie !",
        closing="Merci et au revoir !",
        clarify="Pouvez-vous préciser un peu : de quel produit ou de quelle commande s'agit-il, "
        "et que s'est-il passé ?",
        handoff="Je transmets votre demande à un collègue, qui vous répondra ici.",
    ),
    "es": Words(
        greeting="¡Hola! ¿En qué puedo ayudarle?",
        thanks="¡De nada!",
        closing="¡Gracias y hasta pronto!",
        clarify="¿Podría darme algún detalle más: de qué producto o pedido se trata y qué ha pasado?",
        handoff="Paso su consulta a un compañero, que le responderá aquí.",
    ),
}


def words_for(text: str, hint: str = "") -> Words:
    """The sentences for a customer who wrote `text`; `hint` is a language tag such as `de-CH`, or empty."""
    by_script = script_language(text)
    if by_script:
        return WORDS[by_script]
    tag = hint.replace("_", "-").split("-", 1)[0].casefold()
    # A CJK browser says little about who writes in Latin letters.
    return WORDS[tag] if tag in {"de", "fr", "es"} else ENGLISH
