"""What the project checks of itself beside types and style: each a small module with `findings(root)`, one line for a
fault that names the place."""
