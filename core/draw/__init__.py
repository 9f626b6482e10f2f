"""Results become pictures, figures, payloads and files."""
