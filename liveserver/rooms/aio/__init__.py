"""The shell of the rooms: one keeper drives them, saves them and runs their timers."""
