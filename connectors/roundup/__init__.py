"""The kind roundup: a Roundup issue tracker, over its REST interface and our detector."""
