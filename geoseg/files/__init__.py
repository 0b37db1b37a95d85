"""Files of the operating system: what a run has opened, scratch files, errors of a full disk."""
