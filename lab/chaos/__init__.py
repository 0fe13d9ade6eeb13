"""
Chaos: one Tieline with servers of its own under load while its processes and servers are killed, and a checker that decides.

``python -m lab.chaos --mode redis --events 1000 --kills 20``. The far side is a process of its own with its own log; what was
sent and promised is another log. Nothing that ran before is touched: every server is started here, on ports of its
own, and killed by its number.
"""
