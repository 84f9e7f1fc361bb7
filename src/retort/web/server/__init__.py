"""What every request goes through: the process, the gate before the application, the queue and the models."""
