"""What all in-house logs share: tables of names, values in normal form, fields that disagree, flat events.

`values` turns one value into its normal form, `names` says which field is which column, `read` sorts an object's
fields by that, `errors` reads what is said of an error, `events` reads logs in which a line is one event.
"""
