"""The words and tools that every room shares; it knows nothing of any room."""
