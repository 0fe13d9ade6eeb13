"""What is it called, and what is its value? Identity, field mapping, values and formulas."""
