"""What the design costs and brings, measured on this machine as ratios inside one run."""
