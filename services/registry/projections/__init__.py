"""What is derived from the register's own topic beside each replica, and how far it has come."""
