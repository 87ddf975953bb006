"""How the records of each family become stream rows."""
