"""What keeps an installation well: doctor, and the sample knowledge base of the first start."""
