"""Callbacks to subscriptions: deliveries, their sequence numbers and their permitted destinations."""
