"""The kind alertmanager: alerts polled and pushed, silences written and ended."""
