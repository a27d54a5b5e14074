"""The words and rules that broker and client share. Never a socket."""
