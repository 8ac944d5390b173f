"""The values that every part of fleet53 uses: pure, with no input or output."""
