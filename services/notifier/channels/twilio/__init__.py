"""SMS and WhatsApp channels over Twilio, and the webhooks that it calls."""
