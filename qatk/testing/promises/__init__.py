"""What components promise: one file a kind, and what every kind owes."""
