"""Facts other systems may hear about: written with the change, delivered afterwards as signed webhooks."""
