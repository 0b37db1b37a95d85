"""Tasks: one room each, which no other task imports; the commands and the Python interface call them."""
