"""Read-only lists and pages. Every answer is a plain dictionary in the shape of the HTTP surface."""
