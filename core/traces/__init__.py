"""Traces: what is recorded of one delivery's way, in the words of W3C trace context. Off unless it is asked for."""
