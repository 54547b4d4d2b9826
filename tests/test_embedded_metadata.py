"""Conditions on metadata: what each operator finds, and that a missing value is found by `empty` alone."""

from __future__ import annotations

from typing import Any

import pytest

from kbtool.embedded.conditions import holds
from kbtool.embedded.payloads import Condition

STORED = {"name": "policy.md", "version": 8, "edited": 1760000000}
OPERATORS = (
    "contains", "not contains", "start with", "end with", "is", "is not", "not empty", "in", "not in",
    "=", "≠", ">", "<", "≥", "≤", "before", "after",
)  # fmt: skip


def condition(name: str, operator: str, value: Any = None) -> Condition:
    return Condition.model_validate({"name": name, "comparison_operator": operator, "value": value})


@pytest.mark.parametrize(
    ("name", "operator", "value", "expected"),
    [
        ("name", "contains", "olicy", True),
        ("name", "contains", "refund", False),
        ("name", "not contains", "refund", True),
        ("name", "start with", "pol", True),
        ("name", "end with", ".md", True),
        ("name", "end with", ".txt", False),
        ("name", "is", "policy.md", True),
        ("name", "is", "Policy.md", False),
        ("name", "is not", "other.md", True),
        ("name", "in", ["policy.md", "other.md"], True),
        ("name", "in", "other.md, policy.md", True),
        ("name", "not in", ["other.md"], True),
        ("name", "not empty", None, True),
        ("name", "empty", None, False),
        ("version", "is", 8, True),
        ("version", "is", "8", True),
        ("version", "=", 8, True),
        ("version", "=", "8", True),
        ("version", "≠", 8, False),
        ("version", ">", 7, True),
        ("version", "<", 8, False),
        ("version", "≥", 8, True),
        ("version", "≤", 7.5, False),
        ("edited", "before", 1770000000, True),
        ("edited", "after", 1770000000, False),
        ("name", ">", 3, False),
    ],
)
def test_an_operator_finds_what_it_says(name: str, operator: str, value: Any, expected: bool) -> None:
    assert holds(condition(name, operator, value), STORED) is expected


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_value_is_found_by_no_operator_but_empty(operator: str) -> None:
    assert not holds(condition("nowhere", operator, "x"), STORED)
    assert holds(condition("nowhere", "empty"), STORED)
