"""What is sent to subscriptions: deliveries, their order and where they may go."""
