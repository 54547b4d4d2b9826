"""What the bridge keeps, a table or two each: every statement that writes or reads them stands here."""
