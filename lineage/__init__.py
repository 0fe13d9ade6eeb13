"""Where a field comes from, what it touches, and where one value came from."""
