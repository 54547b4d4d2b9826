"""The handoff threshold, chosen by walking down an error budget.

The promise is about wrong automatic answers per conversation, J(τ) = P(score >= τ and wrong), which only
falls as the threshold τ rises. So one walk from the best score down, stopped before mistake K + 1, keeps
P(J(τ) > budget) <= 1 - confidence at every n, with no correction for having looked at many thresholds
(risk-controlling prediction sets, Bates et al. 2021, for a 0/1 loss). Taking the best F1, or the lowest
threshold that looks good on the sample, breaks the same promise most of the time (docs/threshold.md).

    promise    what is promised, and how many mistakes that allows
    strata     the same, where live conversations have another mix than the golden set
    walk       from questions to a threshold
    slices     one threshold for each language or inbox that has enough questions
    proposal   what to do: propose, keep, or say what is missing; held against noise
    prices     what thresholds cost, as a what-if
    preview    what another threshold would have done to past conversations
"""

from kbtool.tune.preview import Past, Preview, preview
from kbtool.tune.prices import Price
from kbtool.tune.promise import Promise, lower_bound, upper_bound
from kbtool.tune.proposal import Advice, Proposal, Taken, WhatIf, as_row, tune
from kbtool.tune.slices import By, Slice
from kbtool.tune.strata import Shares, Stratum
from kbtool.tune.walk import Count, Row, count_at, walk

__all__ = [
    "Advice",
    "By",
    "Count",
    "Past",
    "Preview",
    "Price",
    "Promise",
    "Proposal",
    "Row",
    "Shares",
    "Slice",
    "Stratum",
    "Taken",
    "WhatIf",
    "as_row",
    "count_at",
    "lower_bound",
    "preview",
    "tune",
    "upper_bound",
    "walk",
]
