"""Bridge to a merchant's catalog and order back end."""
