"""Files of the operating system: inputs and outputs of a run, scratch files, errors of a full disk."""
