"""What Prometheus is told of a bridge: counts of its events, times of its work, and what stands in its store.

Counts and times come from the events that are logged; the gauges are read from the store when they are asked
for. Names follow prometheus.io/docs/practices/naming: seconds, `_total`, one thing a name.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from bridge.holding import Standing
from bridge.operating.load import Load
from bridge.settings import BridgeSettings
from kbtool.kpi.definitions import BY_NAME, Unit
from kbtool.kpi.figures import Figures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Buckets in seconds for what takes milliseconds; Chatwoot waits 5 s."""
_LONG = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0)


disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began: as many lines again, which nobody asks for

_COUNTED = {
    "decision": ("decisions", "Turns by what was done and why.", ("action", "reason")),
    "silent": ("silences", "Turns that said nothing, by why.", ("reason",)),
    "delivery": ("deliveries", "Webhooks sorted, by what they were.", ("bot", "verdict")),
    "post": ("posts", "Messages put into Chatwoot.", ("kind",)),
    "alert": ("alerts", "Alerts raised.", ("level",)),
    "overdue": ("overdue", "Customers whom nobody answered in time, now with people.", ("bot",)),
}
_TIMED = {
    "turn": ("turn", "A turn from its begin to its end.", ("ended",), _LONG),
    "dify": ("dify", "A question to Dify until its answer.", ("route", "outcome"), _LONG),
}
"""Event → name, help and labels of its metric; the labels are facts of the event."""


class Metrics:
    """`hear` is a listener of `log.heard_by`; `page` is what `/metrics` answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._events = self._counter("events", "Events by the name of their log line.", "event")
        self._counts = {
            event: (self._counter(name, what, *facts), facts)
            for event, (name, what, facts) in _COUNTED.items()
        }
        self._times = {
            event: (
                Histogram(f"bridge_{name}_seconds", what, facts, registry=self._registry, buckets=buckets),
                facts,
            )
            for event, (name, what, facts, buckets) in _TIMED.items()
        }
        self._acknowledged = Histogram(
            "bridge_acknowledgement_seconds",
            "A webhook until its answer; Chatwoot waits 5 s.",
            ("status",),
            registry=self._registry,
            buckets=_SHORT,
        )
        self._chatwoot = Histogram(
            "bridge_chatwoot_seconds",
            "A request to Chatwoot until its answer begins.",
            ("call", "status"),
            registry=self._registry,
            buckets=_SHORT,
        )
        self._tokens = self._counter("dify_tokens", "Tokens that Dify told of.", "route")
        self._money = self._counter("dify_cost", "Cost that Dify told of.", "route", "currency")
        self._untold = self._counter("dify_cost_unknown", "Answers of unknown cost.", "route")
        self._backlog = self._gauge("backlog_messages", "Customers' messages that wait for their turn.")
        self._unsorted = self._gauge("unsorted_deliveries", "Webhooks kept and not looked at yet.")
        self._oldest = self._gauge(
            "oldest_unanswered_seconds", "Age of the oldest message that waits; 0: none does."
        )
        self._leases = self._gauge("leases", "Conversations that are worked on.")
        self._dead = self._gauge("dead_letters", "Messages and deliveries that nothing more is tried with.")
        self._alerts = self._gauge(
            "alerts_untold", "Alerts that a channel still waits for, or lost.", "channel", "state"
        )
        self._unsent = self._gauge(
            "events_unsent", "Events that their receiver still waits for, or lost.", "state"
        )
        self._threshold = self._gauge("handoff_threshold", "The threshold in use.", "route")
        self._spent = self._gauge("budget_spent", "1 while a route's month is spent.", "route")
        self._figures = {
            Unit.SECONDS: self._gauge("kpi_seconds", "A key figure in seconds.", "figure"),
            Unit.SHARE: self._gauge("kpi_ratio", "A key figure that is a share.", "figure"),
            Unit.MONEY: self._gauge("kpi_cost", "The cost of a conversation, or the least it was.", "figure"),
        }
        self._targets = self._gauge("kpi_target", "A key figure's target, in its unit.", "figure")
        self._over = self._gauge("kpi_over", "Over how many a key figure is.", "figure")
        self._stale = self._gauge("policy_stale", "1 while the threshold belongs to other settings.")

    def hear(self, name: str, facts: Mapping[str, object]) -> None:
        """Count an event."""
        self._events.labels(name).inc()
        if name in self._counts:
            counter, labels = self._counts[name]
            counter.labels(*(str(facts.get(label, "")) for label in labels)).inc()
        seconds = facts.get("seconds")
        if name in self._times and isinstance(seconds, float):
            times, labels = self._times[name]
            times.labels(*(str(facts.get(label, "")) for label in labels)).observe(seconds)
        if name == "cost":
            self._hear_cost(facts)

    def acknowledged(self, status: int, seconds: float) -> None:
        self._acknowledged.labels(str(status)).observe(seconds)

    def chatwoot(self, call: str, status: int, seconds: float) -> None:
        """`call` is method and path with the numbers taken out: one series a kind of request."""
        self._chatwoot.labels(call, str(status)).observe(seconds)

    def page(
        self, load: Load, settings: BridgeSettings, standing: Standing, figures: Figures | None = None
    ) -> bytes:
        """The exposition, with the gauges as they stand now. A figure over nothing is left out."""
        self._set_figures(figures, settings.kpi.targets)
        self._backlog.set(load.waiting)
        self._unsorted.set(load.unsorted)
        self._oldest.set(load.oldest or 0.0)
        self._leases.set(load.leased)
        self._dead.set(load.dead)
        self._alerts.clear()
        for channel, state, number in load.untold:
            self._alerts.labels(channel, state).set(number)
        self._unsent.clear()
        for state, number in load.unsent:
            self._unsent.labels(state).set(number)
        self._stale.set(bool(standing.stale))
        self._threshold.clear()
        self._spent.clear()
        for route in settings.routes:
            self._threshold.labels(route.name).set(settings.policy_of(route).threshold)
            self._spent.labels(route.name).set(route.name in standing.spent)
        return generate_latest(self._registry)

    def _set_figures(self, figures: Figures | None, targets: Mapping[str, float]) -> None:
        for gauge in (*self._figures.values(), self._targets, self._over):
            gauge.clear()
        for name, target in targets.items():
            self._targets.labels(name).set(target)
        for one in figures.figures if figures else ():
            self._over.labels(one.name).set(one.n)
            if one.value is not None:
                self._figures[BY_NAME[one.name].unit].labels(one.name).set(one.value)

    def _hear_cost(self, facts: Mapping[str, object]) -> None:
        route = str(facts.get("route", ""))
        tokens, money = facts.get("tokens"), facts.get("money")
        if isinstance(tokens, int):
            self._tokens.labels(route).inc(tokens)
        if isinstance(money, float):
            self._money.labels(route, str(facts.get("currency", ""))).inc(money)
        if not (isinstance(tokens, int) and isinstance(money, float)):
            self._untold.labels(route).inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"bridge_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"bridge_{name}", what, labels, registry=self._registry)
