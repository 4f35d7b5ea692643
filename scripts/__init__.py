"""Commands of the checkout; the Python ones are modules so that they can share code."""
