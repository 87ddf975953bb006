"""What every event stream and every mart looks like."""
