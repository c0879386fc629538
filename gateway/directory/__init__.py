"""Who there is and what they may do: keys, orgs, teams, users and rules, changed one audited write at a time."""
