"""Key figures at the bridge: the store's rows, page, metrics and alarm. What they mean is kbtool's.

rows.py    the store → plain rows for `kbtool.kpi`
watch.py   looks at them now and then: for /metrics, and for a drop of ratings
page.py    /kpi on the operator's address
"""
