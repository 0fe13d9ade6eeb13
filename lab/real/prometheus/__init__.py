"""Prometheus 2.42 and Alertmanager 0.25 with one press that is watched."""
