"""The kind modbus: registers and coils of a machine over Modbus TCP, by names."""
