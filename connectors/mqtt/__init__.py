"""The kind mqtt: what devices keep as their state, what they say meanwhile, and what is said to them. MQTT 5, QoS 1."""
