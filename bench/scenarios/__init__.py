"""A file for each scenario. Each answers figures, with the goal where there is one."""
