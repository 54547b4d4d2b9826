"""The bridge benchmark's figures as one Markdown table, and those of them that stand in the table of all."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.result import Line, spread

COMMAND = "python -m benchmarks.bridge"


@dataclass
class Figures:
    """What the rounds gave, by name: one value a round, or one value."""

    rounds: int
    messages: int
    senders: int
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: float) -> None:
        self.values[name].append(value)

    def ratios(self, name: str, other: str) -> list[float]:
        """Round by round, so that a slow moment of the machine falls on both."""
        return [mine / its for mine, its in zip(self.values[name], self.values[other], strict=True)]


def table(own: Figures) -> str:
    """One row a figure: what, its median with the spread over the rounds, and the bound."""
    seen = own.values
    at = f"{own.senders} senders"
    rows = [
        ("| what | merge window | measured: median (spread) | bound |"),
        ("| --- | --- | --- | --- |"),
        _row(f"acknowledged, {at}, Dify 0 ms: p50", "off", _ms(seen["ack p50 0"])),
        _row(f"acknowledged, {at}, Dify 0 ms: p99", "off", _ms(seen["ack p99 0"])),
        _row(f"acknowledged, {at}, Dify 500 ms: p99", "off", _ms(seen["ack p99 500"])),
        _row(f"bare FastAPI endpoint, one durable insert, {at}: p99", "", _ms(seen["bare p99"])),
        _row("p99 of the bridge / of the bare endpoint, Dify 0 ms", "off",
             _times(own.ratios("ack p99 0", "bare p99")), "≤ 2"),
        _row("the same, Dify 500 ms", "off", _times(own.ratios("ack p99 500", "bare p99")), "≤ 2"),
        _row("acknowledgements over 5 s", "off", f"{sum(seen['late acks']):.0f}", "0"),
        _row("end to end, Dify 0 ms, messages a second", "off", _plain(seen["rate 0"])),
        _row("end to end, Dify 500 ms, messages a second", "off", _plain(seen["rate 500"])),
        _row("bridge / probe that makes the same calls, Dify 0 ms", "off",
             _times(own.ratios("rate 0", "probe rate 0")), "≥ 0.75"),
        _row("the same, Dify 500 ms", "off", _times(own.ratios("rate 500", "probe rate 500")), "≥ 0.75"),
        _row("processor time for a message: the bridge", "off", _ms(seen["cpu"], 1)),
        _row("the same: the probe", "", _ms(seen["probe cpu"], 1)),
        _row("calls for an answered message", "off", _plain(seen["calls"], 1), "≤ 5"),
        _row("as shipped, Dify 1 s: first reply, p95", "shipped",
             _plain(seen["first p95"], 2, " s"), "≤ 3 s"),
        _row("40 messages a second, Dify 500 ms: added p50", "off", _ms(seen["paced p50"]), "≤ 20 ms"),
        _row("40 messages a second, Dify 500 ms: added p99", "off", _ms(seen["paced p99"]), "≤ 150 ms"),
        _row("conversations waiting on Dify at once", "off", _plain(seen["waiting"]), "1000"),
        *(
            _row(f"memory after {name.split()[1]} messages", "off", _plain(values, 0, " MB"), "< 150 MB")
            for name, values in seen.items()
            if name.startswith("rss ")
        ),
    ]  # fmt: skip
    head = (
        f"{own.rounds} interleaved rounds of {own.messages} messages, each from another customer on a new "
        "connection, from a load generator in its own process, to light fakes of Chatwoot and Dify; every "
        f"message was answered once or there would be no table. Posts are not echoed as webhooks. "
        f"`{COMMAND}`"
    )
    return "\n".join([head, "", *rows])


def lines(own: Figures) -> tuple[Line, ...]:
    """What of it stands in the one table: the bounds that were set out for."""
    seen = own.values
    return (
        Line(
            "the bridge's acknowledgement beside a bare endpoint with one durable insert, p99, Dify 0 ms",
            spread(own.ratios("ack p99 0", "bare p99"), 2, " ×"),
            "2 ×",
        ),
        Line("acknowledgements over 5 s", f"{sum(seen['late acks']):.0f}", "0"),
        Line(
            "messages a second beside a probe that makes the same calls, Dify 0 ms",
            spread(own.ratios("rate 0", "probe rate 0"), 2, " ×"),
            "≥ 0.75 ×",
        ),
        Line(
            "the same, Dify 500 ms",
            spread(own.ratios("rate 500", "probe rate 500"), 2, " ×"),
            "≥ 0.75 ×",
        ),
        Line("first reply as shipped, Dify 1 s, p95", spread(seen["first p95"], 2, " s"), "3 s"),
        Line("memory of the bridge after 10,000 messages", spread(seen["rss 10,000"], 0, " MB"), "150 MB"),
    )


def _row(what: str, window: str, measured: str, bound: str = "") -> str:
    return f"| {what} | {window} | {measured} | {bound} |"


def _plain(values: Sequence[float], digits: int = 0, unit: str = "") -> str:
    if not values:
        return "not run"
    middle = f"{statistics.median(values):,.{digits}f}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def _ms(values: Sequence[float], digits: int = 0) -> str:
    return _plain([1000 * value for value in values], digits, " ms")


def _times(values: Sequence[float]) -> str:
    return _plain(values, 2)
