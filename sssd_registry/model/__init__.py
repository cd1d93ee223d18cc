"""The network: windows -> features -> S4 encoder -> context -> condition -> noise head."""
