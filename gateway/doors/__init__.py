"""The doors without a key: deliveries from other systems, and the questions that machines ask about our health."""
