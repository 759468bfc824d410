"""Permits: issued rights with a holder, a validity and, where they have them, lines with quantities."""
