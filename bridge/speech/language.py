"""Which of our languages a customer writes. Pure.

Writing says zh, ja and ko. Of the languages in Latin letters the small words say it, which stand in every
sentence, together with letters that only one of them has. Where a text has neither (an order number, a name)
the channel's own hint decides, and English where there is none: a browser is often set to another language
than its owner writes, so what is written comes first.
"""

from __future__ import annotations

from collections.abc import Mapping

import regex

from kbtool.script import language as script_language

LANGUAGES = ("en", "zh", "ja", "ko", "de", "fr", "es", "pt")
DEFAULT = "en"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SMALL_WORDS: Mapping[str, frozenset[str]] = {
    "en": _words(
        """the a an and or but not is are was were be been am do does did done have has had can
        could will would should shall may might must i you he she it we they me him her us them
        my your his its our their this that these those what when where why who which how much
        many there here to of in on at for from with without about into after before please
        thanks thank hello hi yes no if then than so too very any some need want get got send
        sent order refund help work works working since still never just only now i'm i've i'd
        don't doesn't didn't can't isn't it's won't haven't"""
    ),
    "de": _words(
        """der die das den dem des ein eine einen einem einer eines und oder aber nicht kein
        keine keinen ist sind war waren bin bist sein haben habe hat hatte kann kannst können
        könnte wird werden wurde würde soll muss darf ich du er sie es wir ihr mich mir dich dir
        uns euch ihnen mein meine meinen meiner meinem dein deine ihre ihren unser unsere dieser
        diese dieses diesen was wann wo warum wer wie welche welcher wieviel viel da hier zu zum
        zur von vom im in auf bei für aus mit ohne über nach vor bitte danke hallo guten tag ja
        nein wenn dann als auch sehr schon noch nie nur jetzt seit gibt geht möchte will brauche
        bestellung paket lieferung rechnung"""
    ),
    "fr": _words(
        """le la les un une des du de d l et ou mais ne pas plus est sont était suis es sera
        être ai as a avez avons ont avoir peut peux pouvez puis dois doit je j tu il elle on
        nous vous ils elles me m te t se s moi mon ma mes ton ta tes son sa ses notre votre vos
        leur ce c cet cette ces que qu quoi qui quand où pourquoi comment combien quel quelle
        quels quelles y en à au aux dans sur chez pour par avec sans après avant merci bonjour
        salut oui non si alors aussi très déjà encore jamais toujours maintenant depuis commande
        colis remboursement est-ce s'il plaît voudrais veux faut"""
    ),
    "es": _words(
        """el la los las un una unos unas y e o u pero no es son era está están estoy estar ser
        soy fue he ha has han haber tengo tiene tienen tener puedo puede pueden poder quiero
        quiere quisiera necesito debo yo tú él ella usted ustedes nosotros ellos me te se le les
        nos mi mis tu tus su sus nuestro este esta estos estas esto ese esa eso que qué cuándo
        cuando dónde donde porque quién cómo como cuánto cuánta cuántos cuál a al de del en con
        sin por para sobre desde hasta después antes hola gracias favor buenos buenas días
        tardes sí si también muy ya aún todavía nunca siempre ahora hay pedido paquete envío
        reembolso ayuda"""
    ),
    "pt": _words(
        """o a os as um uma uns umas e ou mas não é são era está estão estou estar ser sou foi
        tenho tem têm ter há posso pode podem poder quero quer gostaria preciso devo eu tu ele
        ela você vocês nós eles me te se lhe nos meu minha meus minhas teu tua seu sua seus suas
        nosso nossa este esta isto esse essa isso que quê quando onde porque quem como quanto
        quanta quantos qual à ao aos de do da dos das em no na nas com sem por pelo pela para
        pra sobre desde até depois antes olá oi obrigado obrigada favor bom boa dia tarde sim
        também muito já ainda nunca sempre agora pedido encomenda pacote envio entrega reembolso
        ajuda"""
    ),
}
_SUPPORT_WORDS: Mapping[str, frozenset[str]] = {
    "en": _words(
        """password account payment delivery shipping invoice parcel package warranty broken
        wrong lost late size cancel return exchange login code price address morning evening
        afternoon"""
    ),
    "de": _words(
        """passwort konto zahlung versand liefern retoure umtausch rückgabe garantie kaputt
        falsch falsche vergessen verloren verspätet größe kündigen stornieren stornierung lager
        anmeldung preis adresse morgen abend ware karte geld geliefert gekommen angekommen
        erhalten funktioniert"""
    ),
    "fr": _words(
        """passe compte paiement livraison facture garantie cassé cassée erreur perdu perdue
        retard taille annuler annulation retour échange retourner connexion prix adresse bonsoir
        soir reçu oublié oubliée arrivé arrivée échoué mauvais mauvaise carte frais possible
        marche"""
    ),
    "es": _words(
        """contraseña cuenta pago entrega factura garantía garantia roto rota equivocado
        equivocada perdido perdida retraso talla cancelar devolución devolver cambio cambiar
        precio dirección direccion noches llegó llego llega llegado recibido recibí olvidé
        funciona cuesta tarjeta dinero dos veces código codigo cuanto cuantos cual envio pagar
        hablar"""
    ),
    "pt": _words(
        """senha conta pagamento fatura garantia quebrado quebrada errado errada perdido perdida
        atraso tamanho cancelar devolução devolver troca trocar preço endereço noite chegou
        chega chegado recebi recebido esqueci funciona funcionou custa cartão dinheiro duas
        vezes código frete estoque falhou falar fazer palavra-passe telemóvel celular boleto"""
    ),
}
_KNOWN = {language: _SMALL_WORDS[language] | _SUPPORT_WORDS[language] for language in _SMALL_WORDS}
_WEIGHTS = {
    language: {word: 1.0 / sum(word in other for other in _KNOWN.values()) for word in known}
    for language, known in _KNOWN.items()
}
"""A word that several languages have says that much less for each: `a`, `no`, `me`."""
_LETTERS: Mapping[str, Mapping[str, float]] = {
    "de": dict.fromkeys("äöüß", 2.0),
    "fr": dict.fromkeys("œæêëîïûùèÿ", 2.0) | {"é": 1.0, "à": 0.8} | dict.fromkeys("çâô", 0.5),
    "es": dict.fromkeys("ñ¿¡", 2.0) | dict.fromkeys("áéíóú", 0.6),
    "pt": dict.fromkeys("ãõ", 2.0) | dict.fromkeys("áéíóúêàâô", 0.5) | {"ç": 0.7},
}
_CONTRACTIONS = {
    "fr": regex.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu)['’](?=\p{L})"),
    "en": regex.compile(r"\p{L}(?:n['’]t|['’](?:s|re|ve|ll|m|d))\b"),
}
# Endings and letters side by side that are common in one of them and rare in the others.
_SHAPES = {
    "es": regex.compile(r"ci[oó]n\b|ciones\b|dad\b|[aei]ndo\b|mente\b|ll|(?<!q)ue|ie[nr]|[ts]or\b"),
    "pt": regex.compile(r"ç[aã]o\b|ções\b|nh|lh|[aei]ndo\b|dade\b|[ae]i\b|ou\b|eira?\b|em\b|ncha"),
    "de": regex.compile(r"ung(?:en|s)?|keit|sch|cht|\bver|\bge\w+[te]\w?\b|ei[nt]|ck|zt|tz|nummer|tsch"),
    "fr": regex.compile(
        r"eux\b|aux\b|ez\b|eau|oir\b|ible\b|[ae]nt\b|ou[rstv]|eur\b|[aeiou]tion\b|ée?s?\b|elle"
    ),
    "en": regex.compile(r"th|wh|ing\b|ght|ee|oo|ed\b|ck|ly\b|sh"),
}
_SHAPE = 0.4
# Without kana: characters that only Japan writes so, and words of support that Chinese has other ones for.
_JAPANESE = regex.compile(
    "[気円売対応壊検単価両図駅県広権実験辺択拠帰継続払込働峠込枠畑]|返品|返金|注文|在庫|領収"
)
_NOT_WORDS = regex.compile(r"https?://\S+|\S+@\S+|`[^`]*`")
_LEAST = 0.5
"""Less than this is chance."""
_MARGIN = 0.5
"""A language that is this close to the best one is as likely: then the hint says which."""
_WORD = regex.compile(r"[\p{L}]+(?:['’-][\p{L}]+)*")
_LONGEST = 2_000
"""Characters that are looked at: a language shows in its first lines."""


def language_of(text: str, hint: str = "") -> str:
    """One of `LANGUAGES` for a customer who wrote `text`; `hint` is a language tag such as `de-CH`, or ""."""
    text = _NOT_WORDS.sub(" ", text[:_LONGEST])
    hinted = hint.replace("_", "-").split("-", 1)[0].casefold()
    by_script = script_language(text)
    if by_script:
        is_japanese = by_script == "zh" and (hinted == "ja" or _JAPANESE.search(text))
        return "ja" if is_japanese else by_script
    scores = _scores(text)
    best = max(scores.values())
    likely = (
        [language for language, score in scores.items() if score >= best - _MARGIN] if best >= _LEAST else []
    )
    if hinted in likely or (not likely and hinted in _SMALL_WORDS):
        return hinted
    return max(scores, key=lambda language: scores[language]) if likely else DEFAULT


def _scores(text: str) -> dict[str, float]:
    """How much of each language in Latin letters is in the text."""
    said = text.casefold().replace("’", "'")
    words = [word for match in _WORD.findall(said) for word in {match, *match.split("-")}]
    scores = dict.fromkeys(_SMALL_WORDS, 0.0)
    for language, weights in _WEIGHTS.items():
        scores[language] += sum(weights.get(word, 0.0) for word in words)
    for language, letters in _LETTERS.items():
        scores[language] += sum(letters.get(letter, 0.0) for letter in said)
    for patterns, weight in ((_CONTRACTIONS, 1.0), (_SHAPES, _SHAPE)):
        for language, pattern in patterns.items():
            scores[language] += weight * len(pattern.findall(said))
    return scores
