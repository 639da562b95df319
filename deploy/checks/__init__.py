"""What the project checks of itself beside types and style: each finding is one line that names the place."""
