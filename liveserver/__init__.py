"""Live-commerce server: rooms, people, HTTP surfaces and the composition root."""
