//! Balancing and admission decisions.
