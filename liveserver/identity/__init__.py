"""Who may do what: roles, permissions, tokens, and how much of it per network."""
