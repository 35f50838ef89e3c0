"""Text: within a size, safe to show, free of secrets; and small pieces of English."""
