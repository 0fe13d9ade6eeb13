"""The kind redmine: a Redmine issue tracker, over its REST interface and our plug-in."""
