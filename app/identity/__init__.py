"""People: users, agencies, businesses they act for, sessions, second factor, and what each may do."""
