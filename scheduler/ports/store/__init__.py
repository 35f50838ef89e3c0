"""The protocols of the store, one role a file; `scheduler.ports.store.store.Store` combines the writing ones.

All instants are aware UTC.  Every method that writes is one transaction: all or nothing, conditional, and
fenced by an epoch if it is about a claimed run.  It returns only after the commit is on the disk.  A store
that cannot write raises StoreError and has stored nothing.  A method that a person or an agent triggers takes
an ``actor``, which is stored in its record.

**Writing units of one home are serialised.**  However many processes share a home, their transactions that
write happen one after the other, and each sees all that the earlier ones have written.  So a method may read
first and write then: the facts are unchanged when it commits.  Budgets, claims, fires, follow-ups, daily
limits, the crontab and the chain of records rely on it.
"""
