"""The command line: reads options, calls one function of a room, prints what came of it."""
