"""Where dumps come from: databases, managed transfer, drop folders, the gateway. A fetched file lands as any other."""
