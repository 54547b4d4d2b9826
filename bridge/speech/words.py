"""The few sentences that the bridge says of its own accord, in each of its languages. Data, and pure.

None of them promises what nobody checked: how long it takes, or that somebody is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.speech.language import DEFAULT, language_of
from bridge.speech.when import when
from kbtool.smalltalk import Smalltalk


@dataclass(frozen=True, slots=True)
class Words:
    """One language's sentences.

    Handing over: `handoff` as a rule, `urgent` where it must not wait, `degraded` where the AI or its
    knowledge is out of reach, `unheard` for voice without a transcript, `unseen` for a file or place that
    cannot be read, `away` while nobody is there, with `{when}` somebody will be.
    `in_words` asks for words where only a sticker came; `look_at` is the question to an AI that sees pictures
    where only a picture came.
    """

    language: str
    greeting: str
    thanks: str
    closing: str
    clarify: str
    in_words: str
    look_at: str
    handoff: str
    urgent: str
    degraded: str
    unheard: str
    unseen: str
    away: str

    def answer_to(self, talk: Smalltalk) -> str:
        return {
            Smalltalk.GREETING: self.greeting,
            Smalltalk.THANKS: self.thanks,
            Smalltalk.CLOSING: self.closing,
        }[talk]

    def away_until(self, back: datetime, now: datetime) -> str:
        """What a customer is told while nobody is there, by the clock of those who will be `back`."""
        return self.away.format(when=when(back, now, self.language))


ENGLISH = Words(
    language="en",
    greeting="Hello! What can I help you with?",
    thanks="You're welcome!",
    closing="Thank you, and goodbye!",
    clarify="Could you tell me a little more: which product or order is it about, and what happened?",
    in_words="Could you tell me in a few words what I can help you with?",
    look_at="What about this picture or file?",
    handoff="I'm passing this on to a colleague, who will answer you here.",
    urgent="I'm passing this on to a colleague right away, who will answer you here.",
    degraded="I can't look this up at the moment, so I'm passing it on to a colleague, "
    "who will answer you here.",
    unheard="I can't listen to voice messages, so I'm passing this on to a colleague, "
    "who will answer you here.",
    unseen="I can't open what you sent, so I'm passing it on to a colleague, who will answer you here.",
    away="Nobody is here at the moment. A colleague will be back {when} and will answer you here.",
)
WORDS: Mapping[str, Words] = {
    "en": ENGLISH,
    "zh": Words(
        language="zh",
        greeting="您好！请问有什么可以帮您？",
        thanks="不客气！",
        closing="感谢您的咨询，再见！",
        clarify="可以再说得具体一点吗？比如是哪件商品或哪笔订单，遇到了什么情况？",
        in_words="可以用文字告诉我您需要什么帮助吗？",
        look_at="请看看这个图片或文件。",
        handoff="我这就为您转接人工客服，同事会在这里回复您。",
        urgent="我马上为您转接人工客服，同事会在这里回复您。",
        degraded="我暂时查不到相关信息，这就为您转接人工客服，同事会在这里回复您。",
        unheard="我听不了语音消息，这就为您转接人工客服，同事会在这里回复您。",
        unseen="我打不开您发送的内容，这就为您转接人工客服，同事会在这里回复您。",
        away="现在没有客服在线。同事将于{when}上线，并在这里回复您。",
    ),
    "ja": Words(
        language="ja",
        greeting="こんにちは。どのようなご用件でしょうか？",
        thanks="どういたしまして。",
        closing="ありがとうございました。失礼いたします。",
        clarify="もう少し詳しく教えていただけますか？どの商品・ご注文についてで、何が起きましたか？",
        in_words="どのようなご用件か、文章で教えていただけますか？",
        look_at="この画像またはファイルを見てください。",
        handoff="担当者におつなぎします。こちらで返信いたしますので、少々お待ちください。",
        urgent="すぐに担当者におつなぎします。こちらで返信いたしますので、少々お待ちください。",
        degraded="ただいまお調べすることができないため、担当者におつなぎします。こちらで返信いたします。",
        unheard="音声メッセージを聞くことができないため、担当者におつなぎします。こちらで返信いたします。",
        unseen="お送りいただいた内容を開くことができないため、担当者におつなぎします。こちらで返信いたします。",
        away="ただいま担当者が不在です。{when}に担当者が戻り、こちらで返信いたします。",
    ),
    "ko": Words(
        language="ko",
        greeting="안녕하세요! 무엇을 도와드릴까요?",
        thanks="천만에요!",
        closing="감사합니다. 안녕히 계세요!",
        clarify="조금 더 자세히 알려 주시겠어요? 어떤 상품이나 주문에 관한 것이고, 어떤 문제가 있었나요?",
        in_words="어떤 도움이 필요하신지 글로 알려 주시겠어요?",
        look_at="이 사진이나 파일을 봐 주세요.",
        handoff="담당자에게 연결해 드리겠습니다. 이 대화에서 답변을 드릴 예정입니다.",
        urgent="바로 담당자에게 연결해 드리겠습니다. 이 대화에서 답변을 드릴 예정입니다.",
        degraded="지금은 확인해 드릴 수 없어 담당자에게 연결해 드리겠습니다. "
        "이 대화에서 답변을 드릴 예정입니다.",
        unheard="음성 메시지를 들을 수 없어 담당자에게 연결해 드리겠습니다. "
        "이 대화에서 답변을 드릴 예정입니다.",
        unseen="보내 주신 내용을 열 수 없어 담당자에게 연결해 드리겠습니다. "
        "이 대화에서 답변을 드릴 예정입니다.",
        away="지금은 담당자가 자리에 없습니다. {when}에 돌아와 이 대화에서 답변을 드리겠습니다.",
    ),
    "de": Words(
        language="de",
        greeting="Hallo! Wobei kann ich Ihnen helfen?",
        thanks="Gern geschehen!",
        closing="Vielen Dank und auf Wiedersehen!",
        clarify="Können Sie das etwas genauer sagen: Um welches Produkt oder welche Bestellung geht es, "
        "und was ist passiert?",
        in_words="Können Sie mir mit ein paar Worten sagen, wobei ich Ihnen helfen kann?",
        look_at="Was ist mit diesem Bild oder dieser Datei?",
        handoff="Ich gebe das an eine Kollegin oder einen Kollegen weiter; Sie bekommen hier Antwort.",
        urgent="Ich gebe das sofort an eine Kollegin oder einen Kollegen weiter; Sie bekommen hier Antwort.",
        degraded="Ich kann das gerade nicht nachsehen und gebe es an eine Kollegin oder einen Kollegen "
        "weiter; Sie bekommen hier Antwort.",
        unheard="Sprachnachrichten kann ich nicht anhören, deshalb gebe ich das an eine Kollegin oder einen "
        "Kollegen weiter; Sie bekommen hier Antwort.",
        unseen="Ich kann nicht öffnen, was Sie geschickt haben, deshalb gebe ich das an eine Kollegin oder "
        "einen Kollegen weiter; Sie bekommen hier Antwort.",
        away="Gerade ist niemand da. {when} ist wieder jemand da; dann bekommen Sie hier Antwort.",
    ),
    "fr": Words(
        language="fr",
        greeting="Bonjour ! En quoi puis-je vous aider ?",
        thanks="Je vous en prie !",
        closing="Merci et au revoir !",
        clarify="Pouvez-vous préciser un peu : de quel produit ou de quelle commande s'agit-il, "
        "et que s'est-il passé ?",
        in_words="Pouvez-vous me dire en quelques mots en quoi je peux vous aider ?",
        look_at="Qu'en est-il de cette image ou de ce fichier ?",
        handoff="Je transmets votre demande à un collègue, qui vous répondra ici.",
        urgent="Je transmets tout de suite votre demande à un collègue, qui vous répondra ici.",
        degraded="Je ne peux pas vérifier cela pour le moment ; je transmets votre demande à un collègue, "
        "qui vous répondra ici.",
        unheard="Je ne peux pas écouter les messages vocaux ; je transmets votre demande à un collègue, "
        "qui vous répondra ici.",
        unseen="Je ne peux pas ouvrir ce que vous avez envoyé ; je transmets votre demande à un collègue, "
        "qui vous répondra ici.",
        away="Il n'y a personne pour le moment. Un collègue sera de retour {when} et vous répondra ici.",
    ),
    "es": Words(
        language="es",
        greeting="¡Hola! ¿En qué puedo ayudarle?",
        thanks="¡De nada!",
        closing="¡Gracias y hasta pronto!",
        clarify="¿Podría darme algún detalle más: de qué producto o pedido se trata y qué ha pasado?",
        in_words="¿Podría decirme con unas palabras en qué puedo ayudarle?",
        look_at="¿Qué pasa con esta imagen o este archivo?",
        handoff="Paso su consulta a un compañero, que le responderá aquí.",
        urgent="Paso su consulta de inmediato a un compañero, que le responderá aquí.",
        degraded="Ahora mismo no puedo consultarlo; paso su consulta a un compañero, que le responderá aquí.",
        unheard="No puedo escuchar mensajes de voz; paso su consulta a un compañero, que le responderá aquí.",
        unseen="No puedo abrir lo que ha enviado; paso su consulta a un compañero, que le responderá aquí.",
        away="Ahora mismo no hay nadie. Un compañero estará de vuelta {when} y le responderá aquí.",
    ),
    "pt": Words(
        language="pt",
        greeting="Olá! Em que posso ajudar?",
        thanks="De nada!",
        closing="Obrigado e até breve!",
        clarify="Pode dar-me mais algum detalhe: de que produto ou pedido se trata e o que aconteceu?",
        in_words="Pode dizer-me em poucas palavras em que posso ajudar?",
        look_at="O que se passa com esta imagem ou este ficheiro?",
        handoff="Vou passar o seu pedido a um colega, que lhe responderá aqui.",
        urgent="Vou passar já o seu pedido a um colega, que lhe responderá aqui.",
        degraded="Neste momento não consigo consultar isso; vou passar o seu pedido a um colega, "
        "que lhe responderá aqui.",
        unheard="Não consigo ouvir mensagens de voz; vou passar o seu pedido a um colega, "
        "que lhe responderá aqui.",
        unseen="Não consigo abrir o que enviou; vou passar o seu pedido a um colega, "
        "que lhe responderá aqui.",
        away="Neste momento não está ninguém. Um colega estará de volta {when} e vai responder-lhe aqui.",
    ),
}


def words_for(text: str, hint: str = "") -> Words:
    """The sentences for a customer who wrote `text`; `hint` is a language tag such as `de-CH`, or empty."""
    return WORDS.get(language_of(text, hint), WORDS[DEFAULT])
