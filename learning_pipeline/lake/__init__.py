"""Landing: what is new is validated, quarantined and merged; the only writer of events and of landing state."""
