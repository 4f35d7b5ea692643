"""Rooms: the state of one show, all rooms by address, and what pages are told."""
