"""What may be tried on a case and on a pilot, so that the states they can reach are found and drawn."""
