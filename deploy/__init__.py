"""Everything that installs, starts, stops and administers the system; no part of the services."""
