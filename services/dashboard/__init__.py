"""The dashboard: what the school office sees, a projection of every owner's facts."""
