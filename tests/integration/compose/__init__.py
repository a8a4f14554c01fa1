"""The compose project on a real Docker engine, with the images that the machine has or can get."""
