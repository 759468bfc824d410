"""Who did what to what, when and on which authority. Entries can be added and read, never changed."""
