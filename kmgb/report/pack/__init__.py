"""The auditor's evidence pack: what is in it, in which forms, and the archive itself."""
