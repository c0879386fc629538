"""The command line: `fareway <command>`. Data goes to stdout, everything else to stderr."""
