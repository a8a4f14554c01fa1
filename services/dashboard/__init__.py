"""Dashboard: the status view, a projection of all services' events, and the pages with which staff work."""
