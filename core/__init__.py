"""What every side agrees on: pure decisions and the words used on the wire; standard library only."""
