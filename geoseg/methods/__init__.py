"""Methods on arrays without networks: pure functions with their equations and sources."""
