"""What every kind is built from: the contract, the HTTP door, webhook schemes, the laws."""
