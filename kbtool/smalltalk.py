"""Greetings, thanks and goodbyes: what is said before any score counts, because no page answers it.

In seven languages, as they are typed: without capitals or accents. A message counts only when nothing else
is in it: "thanks, but where is my order?" is a question. So is anything with a question mark ("that
works?"), but for a greeting ("anyone there?").
"""

from __future__ import annotations

from enum import StrEnum

import regex

from kbtool.script import plain


class Smalltalk(StrEnum):
    GREETING = "greeting"
    THANKS = "thanks"
    CLOSING = "closing"


_PHRASES = {
    Smalltalk.GREETING: """
        hi, hello, hey, heya, hiya, howdy, greetings, good morning, good afternoon, good evening, good day,
        anyone there, anybody there, anyone here, is anyone there, are you there,
        hola, buenas, buenos dias, buenas tardes, buenas noches, que tal, hay alguien, hallo, guten tag, moin,
        guten morgen, guten abend, gruss gott, gruezi, servus, ist da jemand, jemand da, bonjour, bonsoir,
        salut, coucou, il y a quelqu'un, ola, oi, bom dia, boa tarde, boa noite, tem alguem ai,
        こんにちは, こんばんは, おはよう, おはようございます, はじめまして, もしもし,
        你好, 您好, 哈喽, 哈啰, 嗨, 早上好, 上午好,
        中午好, 下午好, 晚上好, 早, 早安, 请问在吗, 在吗, 在么, 在不在,
        有人吗, 有人在吗""",
    Smalltalk.THANKS: """
        thanks, thank you, thank u, thx, ty, cheers, much appreciated, appreciate it, many thanks,
        thanks a lot, thanks so much, thank you so much, thank you very much, thanks for your help,
        thank you for your help, thanks for the help, great, perfect, awesome, that's great,
        that's perfect,
        that's helpful, got it, understood, ok, okay, that helped, it works, it worked, that works,
        that worked,
        gracias, muchas gracias, mil gracias, perfecto, entendido, vale, genial,
        danke, danke schon, danke sehr, vielen dank, besten dank, perfekt, alles klar, verstanden, super,
        merci, merci beaucoup, parfait, d'accord, compris, super merci, obrigado, obrigada,
        muito obrigado, muito obrigada, valeu, perfeito,
        entendi, certo, beleza,
        ありがとう, ありがとうございます, ありがとうございました, どうも, 助かりました,
        了解です, 了解しました, わかりました, 分かりました, 承知しました, はい,
        谢谢, 多谢, 感谢, 谢谢你, 谢谢您, 谢了, 非常感谢, 太感谢了, 好的, 好, 嗯, 嗯嗯,
        明白了, 知道了, 收到,
        辛苦了, 太好了, 了解, 了解了, 可以了, 好嘞, 好滴, 麻烦了, 麻烦你了, 麻烦您了""",
    Smalltalk.CLOSING: """
        bye, goodbye, bye bye, see you, see ya, have a nice day, have a good day,
        have a great day, have a good one,
        have a nice evening, have a good weekend, good night, that's all, that is all, thats all,
        nothing else,
        take care, adios, hasta luego, hasta pronto, eso es todo, nada mas, chao, chau, tschuss, tschuess,
        auf wiedersehen, ciao, schonen tag noch, schonen tag, das war's, das war alles, au revoir,
        bonne journee, bonne soiree, a bientot, c'est tout, tchau, ate logo, ate mais, e so isso, so isso,
        さようなら, 失礼します, 失礼いたします, 以上です, では,
        再见, 拜拜, 回见, 晚安, 没事了, 没有了, 没问题了, 没别的了, 没别的问题了,
        没有别的问题了, 没其他问题了, 先这样, 不用了""",
    None: """
        there, team, all, everyone, again, a todos, zusammen, a tous, pessoal, und, et, y, e,
        客服, 亲, 哈, 啊, 呀, 哦, 啦""",
}
"""The last line are words that may stand beside small talk and say nothing alone."""

_KIND = {phrase.strip(): kind for kind, phrases in _PHRASES.items() for phrase in phrases.split(",")}
_PHRASE = regex.compile("|".join(sorted(map(regex.escape, _KIND), key=len, reverse=True)))
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_NOISE = regex.compile(r"[^\p{L}\p{N}']+")
_LONGEST = 300
"""Characters: nobody says so little at such length."""
_LATEST_WINS = (Smalltalk.CLOSING, Smalltalk.THANKS, Smalltalk.GREETING)


def smalltalk(text: str) -> Smalltalk | None:
    """What kind of small talk the message is, or None where it is anything more."""
    if len(text) > _LONGEST:
        return None
    said = plain(text)
    rest = _NOISE.sub(" ", said).strip()
    kinds: set[Smalltalk] = set()
    while rest:
        match = _PHRASE.match(rest)
        after = rest[match.end() :][:1] if match else ""
        if not match or (after.isalnum() and not (_CJK.match(match[0]) or _CJK.match(after))):
            return None
        kind = _KIND[match[0]]
        if kind:
            kinds.add(kind)
        rest = rest[match.end() :].lstrip()
    if "?" in said and kinds != {Smalltalk.GREETING}:
        return None
    return next((kind for kind in _LATEST_WINS if kind in kinds), None)
