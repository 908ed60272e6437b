"""What runs inside the container or jail. Sent there as text when a session opens, so it fits whatever image is there:
the standard library alone, and of ours nothing but this room, whose modules travel together (see `sandbox.boot`)."""
