"""The rows of messages and their attempts, and every statement that changes them."""
