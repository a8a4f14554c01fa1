"""What a message is, when it is tried again, and when a whole channel rests."""
