"""The look-up service: a thin door to what the library has computed. It reads new text with the same reader, and decides nothing."""
