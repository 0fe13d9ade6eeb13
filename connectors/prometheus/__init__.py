"""The kind prometheus: alerts and targets, and figures asked in PromQL."""
