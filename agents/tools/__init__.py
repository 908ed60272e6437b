"""What agents may do beyond writing: tools, what is known of them, and what allows them."""
