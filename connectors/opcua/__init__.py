"""The kind opcua: nodes of a machine's OPC UA server, by names, with quality and the machine's own time."""
