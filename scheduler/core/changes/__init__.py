"""Changes: what capabilities write in the commit of a step; one file each, none knows another."""
