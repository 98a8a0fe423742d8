"""What the documents' figures come from: ``make bench``."""
