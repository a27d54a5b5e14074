"""The broker: who is here, who may do what, and the history that is the truth."""
