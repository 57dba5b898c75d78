//! The platform file: grammar, spans, validation, environments, JSON schema.
