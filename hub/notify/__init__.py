"""E-mail to customers: consumes notification.requested and delivers by SMTP, one e-mail per key as far as SMTP allows."""
