"""What is owed and what came in: dated tariff → charge → payment → receipt, kept in a double-entry ledger."""
