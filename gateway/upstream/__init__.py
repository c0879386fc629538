"""Towards providers: the one seam to the network, and how a plan is walked until one of them answers."""
