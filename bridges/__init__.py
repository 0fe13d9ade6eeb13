"""
What happens when? The engine: inbox, handle, decisions, actions, delivery, replay, explanation.

Rows are the truth; whoever calls these functions (a Celery task, a door, the command line) only hurries.
"""
