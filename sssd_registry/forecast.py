"""What a forecast is, whichever way it was made: samples in data units, and the ways to read them."""
