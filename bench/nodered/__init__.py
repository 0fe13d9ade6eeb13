"""Node-RED's durable flow, to measure ours beside: `python -m bench.nodered`."""
