"""Changes: what capabilities write in the commit of a step; one file each, independent of each other."""
