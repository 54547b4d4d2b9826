"""Each of the 30 rules has a test that carries its number, and a mutation that takes it out."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rules.mutate import ROOT, RULES
from tests.rules.mutations import MUTATIONS


def test_each_rule_has_a_test_that_carries_its_number() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    named = {int(number) for number in re.findall(r"^def test_rule_(\d\d)_", written, re.MULTILINE)}
    assert named == set(RULES)


def test_each_rule_has_a_mutation_that_still_finds_its_place() -> None:
    assert {mutation.rule for mutation in MUTATIONS} == set(RULES)
    lost = [
        (mutation.rule, mutation.old)
        for mutation in MUTATIONS
        if (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) != 1
    ]
    assert lost == []
