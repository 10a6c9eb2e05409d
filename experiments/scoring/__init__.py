"""Result files to numbers: one rule for all commands."""
