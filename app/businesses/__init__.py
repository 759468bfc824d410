"""The business register: entries with versions, people, ownership and names."""
