"""Mail: what a message looks like on the wire, the two ways by which it leaves, and what comes back."""
