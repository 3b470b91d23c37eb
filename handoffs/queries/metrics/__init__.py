"""The numbers: how long, how many, how often wrong; over the facts that the database keeps of every handoff.

`scope` says which handoffs and which window, `figures` what each number means, `tables` groups and compares them,
`backlog` is what is open now, and `gauges` what a monitor asks of the whole desk.
"""
