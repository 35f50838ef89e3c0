"""Units of work: each function is one transaction, or a part of one."""
