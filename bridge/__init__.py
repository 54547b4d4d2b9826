"""The bridge between Chatwoot and Dify: a durable inbox of webhooks, and a worker that answers from it."""
