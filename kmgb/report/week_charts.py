"""The drawings of a weekly report."""

from __future__ import annotations

from kmgb.report.week import Charts, WeekReport


def charts_of(week: WeekReport) -> Charts:
    """Every drawing of this report."""
    return Charts(None, ())
