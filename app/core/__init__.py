"""The kernel: database, clock, money, errors, languages, identifiers. It holds no business word."""
