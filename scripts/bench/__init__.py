"""Benchmarks: what the server costs and how late the picture is. Run by the scripts beside it."""
