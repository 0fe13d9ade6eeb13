"""Drafting a mapping: from sample records and an entity to proposed paths, steps and tables, each with a reason."""

from mappings.drafting.draft import Draft, NotProposed, Proposal, draft
from mappings.drafting.idshape import IdShape, learn
from mappings.drafting.written import written

__all__ = ["Draft", "IdShape", "NotProposed", "Proposal", "draft", "learn", "written"]
