"""``sssd compare``: every scheduler at several numbers of steps, on one trained model."""
