"""The words of the domain: money, usage, price, request, route, limit, entry, errors. No I/O, no clock."""
