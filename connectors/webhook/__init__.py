"""Any system that speaks webhooks: signed messages in, signed messages out (Standard Webhooks 1.0)."""
