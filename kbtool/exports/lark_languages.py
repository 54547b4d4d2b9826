"""The programming languages of Lark's code blocks: the API gives a number (docx v1, "CodeLanguage").

The names are those that Markdown's readers use for a fence. Plain text (1) has none.
"""

from __future__ import annotations

_WORDS = (
    "abap ada apache apex asm bash csharp cpp c cobol css coffeescript d dart delphi django dockerfile "
    "erlang fortran foxpro go groovy html handlebars http haskell json java javascript julia kotlin latex "
    "lisp logo lua matlab makefile markdown nginx objectivec openedge php perl postscript powershell "
    "prolog protobuf python r rpg ruby rust sas scss sql scala scheme scratch shell swift thrift "
    "typescript vbscript vb xml yaml cmake diff gherkin graphql glsl properties solidity toml"
)
_NAMES = _WORDS.split()
_FIRST = 2


def fence_name(number: object) -> str:
    """The word behind a fence's backticks; "" for plain text and for numbers that the API has added since."""
    if not isinstance(number, int) or not _FIRST <= number < _FIRST + len(_NAMES):
        return ""
    return _NAMES[number - _FIRST]
