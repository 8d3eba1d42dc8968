"""The verbs of the command line, by who uses them. A verb only wires; heavy imports wait inside."""
