"""Take out of a text what must not leave the store: e-mail addresses, phone, card and order numbers.

What stands in a question proposal or a weekly mail is read by more people than the conversation was. A
stand-in keeps the sentence readable: `Where is order [number]?`.
"""

from __future__ import annotations

import regex

_PRIVATE = regex.compile(
    r"""
    (?P<email> [A-Za-z0-9_.+-]+ @ [A-Za-z0-9-]+ (?: \. [A-Za-z0-9-]+ )+ )
  | (?P<date> (?<! [0-9A-Za-z] ) (?: 19 | 20 ) \d\d [-/.] \d{1,2} [-/.] \d{1,2} (?! [0-9A-Za-z] ) )
  | (?P<number>
      (?:
          (?<! [0-9A-Za-z.] ) [+(]{0,2} \d (?: [\ ()./-]{0,2} \d ){6,}      # phone, card, tracking
        | (?<! [0-9A-Za-z.,] ) \d{6} (?! [.,]\d )                          # 204418
        | (?<= (?i: \b(?:order|invoice|ticket|case|tracking|parcel|booking|customer)
                   (?: \s+ (?:number|no|nr|id|code) )? [.:]? \s+
               | (?:订单|单号|运单|快递|工单|发票|会员)[号码编]{0,2} [:：]? \s* ) ) \d{4,5}   # order 48213
        | (?<! [0-9A-Za-z] ) [A-Z]{1,5} [-#_]? \d{4,}                       # FB-204418
        | [#№] \s? \d{3,}
        | (?<! [0-9A-Za-z] ) (?= [A-Z0-9]* \d ) (?= [A-Z0-9]* [A-Z] ) [A-Z0-9]{10,}
        | (?<! [0-9A-Za-z] ) (?= (?: [a-z0-9]* \d ){4} ) (?= [a-z0-9]* [a-z] ) [a-z0-9]{10,}
      )
      (?! [0-9A-Za-z] )
    )
    """,
    regex.VERBOSE,
)
"""A date is in it only so that it is not taken for a number: a day is nobody's."""


def redact(text: str) -> str:
    """`text` with `[email]` and `[number]` in place of what points to a person or an order."""
    return _PRIVATE.sub(
        lambda found: found.group() if found.lastgroup == "date" else f"[{found.lastgroup}]", text
    )
