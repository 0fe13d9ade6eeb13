"""How do we talk to X? One folder per kind, the same file names in each; the kit is what they share."""
