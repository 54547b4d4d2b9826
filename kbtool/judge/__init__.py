"""A second opinion on answers: a language model judges them, and people say how far it can be believed.

criteria    what is asked of a judge, and what of its reply counts                          (pure)
labels      what people said of the same answers: `evals/labels.jsonl`, committed
agreement   judge against people: Cohen's kappa, per criterion                              (pure)
asking      one endpoint, asked once for each answer and then never again (`.kbtool/judge.sqlite`)
verdicts    what the judge said of one run, kept beside its replies, and what of it counts
page/       the local page on which labels are given

Optional, and believed by nobody until it has earned it: a criterion counts only while at least 50 labels
give it a kappa of 0.6 (research: evals §5). Another model or prompt is another series and begins at nothing.
"""
