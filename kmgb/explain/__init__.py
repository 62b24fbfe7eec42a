"""Findings + history -> causes with their evidence, the next step, clusters."""

from kmgb.explain.causes import explain
from kmgb.explain.clusters import clusters, members
from kmgb.explain.context import EXPLAINED_COLUMNS, Cause, Context

__all__ = ["EXPLAINED_COLUMNS", "Cause", "Context", "clusters", "explain", "members"]
