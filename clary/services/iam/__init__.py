"""AWS Identity and Access Management: users, roles, keys and policies. Policies are kept, not yet evaluated."""
