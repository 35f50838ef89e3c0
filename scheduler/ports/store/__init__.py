"""The store, one role a file; `scheduler.ports.store.store.Store` is the sum of those that change it.

All instants are aware UTC.  Every method that writes is one transaction: all or nothing, conditional, and
fenced by an epoch where it is about a claimed run.  It returns only after the commit is on the disk.  A store
that cannot write raises StoreError and has kept nothing.  A method that a person or an agent calls for takes
an ``actor``, who is named in the record of it.

**Writing units of one home are serialised.**  However many processes share a home, their transactions that
write happen one after the other, and each sees all that the earlier ones have written.  So a method may look
first and write then: what it found is still so when it commits.  Budgets, claims, fires, follow-ups, shares
of limits, the crontab and the chain of records rely on it.
"""
