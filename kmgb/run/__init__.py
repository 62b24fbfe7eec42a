"""One check from door to door."""
