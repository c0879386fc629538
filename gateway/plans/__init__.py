"""Every plan: its parameters, and the sheet that comes of them. The command line and the admin API show the same."""
