"""Work done after the commit: a queue in PostgreSQL, so a job exists exactly when the change that asked for it does."""
