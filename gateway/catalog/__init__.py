"""The price book: what each model costs, from dated data that is replaced whole and never edited."""
