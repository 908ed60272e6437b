"""What runs inside the container or jail. Sent there as text when a session opens, so it fits whatever image is there:
one file each, the standard library alone, nothing of ours imported."""
