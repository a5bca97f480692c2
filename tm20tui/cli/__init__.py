"""The command line: parse, do one thing, print the result, say in the exit code how it went."""
