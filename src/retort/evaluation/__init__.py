"""What predictions are worth: figures, their uncertainty, and paired differences. Never imports torch."""
