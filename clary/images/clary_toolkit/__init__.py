"""What AWS's framework containers do around a user's script; imports the standard library and what the script needs."""
