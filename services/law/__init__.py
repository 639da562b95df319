"""What every domain may import beside the contracts: pure, and the same for all three services."""
