"""The client: one user's view of the chat, for people in a terminal and for programs."""
