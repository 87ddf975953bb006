"""Landing: decides what is new, validates, quarantines, merges; the only writer of Parquet events and of landing state."""
