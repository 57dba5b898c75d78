//! Celery on Redis.
