"""How deliveries arrive: what each one was, how it compares with the one before, and what people decided about it."""
