"""The machine that every service is: inputs come in, facts go out, one document per subject in between."""
