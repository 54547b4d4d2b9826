"""No rule takes time with the square of a page: pages of one sign, of one line, of one endless list.

A rule that does would need hours for these pages; linear ones need a few seconds in all. The limit is on
processor time, far above the one and far below the other, so a busy machine makes no difference.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys

CPU_SECONDS = 30
SIZE = 100_000
SIGNS = [
    "[", "*", "<", "|", "`", " ", "\t", "\n", "#", ">", "-", "1", "(", "![](", "](", "<aside>",
    "</aside>\n", "<aside>\n", "<aside>\n🎉\n", "- \n", "- [ ]  a\n", "- ", "> ", "# ", "# 🎉",
    "**a ", "a**：", "****", "[x](a ", "[a](#a)\n", "# a\n[a](#a)\n", "(%41", " (%41", "!!", "1a",
    "\u00a0", "x\n---\n", "![a](b)\n\na\n\n", "    a\n\n", "a: b\n", "@", "{a=b", "=bb", "<td>",
    "<callout>", "<br>", "<!--", "####### a  b", "[[a]", "[a](<", '[x](a "',
]  # fmt: skip
STARTS = {
    "#": "# x {",
    "=bb": "# x {a",
    "1": "![",
    "!!": "**",
    " (%41": "a: b",
    "(%41": "a: b (",
    "<td>": "<table>",
}
PROGRAM = """
import json, sys
from kbtool.clean import RULES
from kbtool.clean.record import removals
from kbtool.model import Kind, Page

for text in json.load(sys.stdin):
    page = Page("k", "s", text, text, "p", Kind.NOTION_MARKDOWN, columns=frozenset({"a", "b"}))
    for rule in RULES:
        print(rule.name, repr(text[:20]), flush=True)
        rule.concerns(page)
        removals(rule.name, page, rule.apply(page))
"""


def limit_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def test_every_rule_and_the_record_are_linear_in_the_page():
    texts = [STARTS.get(sign, "") + sign * (SIZE // len(sign)) + "!" for sign in SIGNS]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_time,
    )
    assert done.returncode == 0, f"{done.stderr[-500:]} at {done.stdout.splitlines()[-1]}"
