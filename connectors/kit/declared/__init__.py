"""Declared kinds: a manifest (YAML) that names what a system offers, and the engine that runs it as a connector."""
