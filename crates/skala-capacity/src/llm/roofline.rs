//! A self-hosted model's upper bounds, from its size and its accelerator's.
//!
//! Decides: prompt tokens per second, answer tokens per second at a batch size, and the sequences that fit.
//! Inputs: the model (parameters, layers, key-value heads, bytes per number), the accelerator (FLOP/s, memory, bandwidth), and the
//!   shares of its peaks that are reached.
//! Method: roofline: prefill is bound by arithmetic (2 FLOP per parameter and token), decode by reading weights and keys and values
//!   once per step, until arithmetic takes longer. Upper bounds: calibrate with a probe.
//! Tested: `tests/it/llm.rs`.

use crate::number::{at_least_0, round_up, share};

/// A model. All numbers > 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Model {
    /// Parameters.
    pub parameters: f64,
    /// Bytes per parameter, and per number of the key-value cache: 2 for bf16.
    pub bytes: f64,
    /// Layers.
    pub layers: f64,
    /// Key-value heads.
    pub kv_heads: f64,
    /// Numbers per head.
    pub head_dim: f64,
}

/// An accelerator, or several that hold one copy of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accelerator {
    /// Peak arithmetic, FLOP per second.
    pub flops: f64,
    /// Share of it that is reached (MFU), 0 to 1.
    pub flops_share: f64,
    /// Memory bandwidth, bytes per second.
    pub bandwidth: f64,
    /// Share of it that is reached (MBU), 0 to 1.
    pub bandwidth_share: f64,
    /// Memory, bytes.
    pub memory: f64,
    /// Share of the memory that may be used, 0 to 1.
    pub memory_share: f64,
    /// Bytes of activations and the runtime.
    pub activations: f64,
}

impl Model {
    /// Bytes of the weights.
    pub fn weight_bytes(&self) -> f64 {
        at_least_0(self.parameters) * at_least_0(self.bytes)
    }

    /// Bytes of keys and values per token.
    pub fn kv_bytes(&self) -> f64 {
        2.0 * at_least_0(self.layers) * at_least_0(self.kv_heads) * at_least_0(self.head_dim) * at_least_0(self.bytes)
    }

    fn flop_per_token(&self) -> f64 {
        2.0 * at_least_0(self.parameters)
    }
}

impl Accelerator {
    fn arithmetic(&self) -> f64 {
        at_least_0(self.flops) * share(self.flops_share)
    }

    /// Prompt tokens read per second.
    pub fn prefill(&self, model: &Model) -> f64 {
        at_least_0(self.arithmetic() / model.flop_per_token())
    }

    /// Seconds of one step that writes a token of each of `batch` sequences of `context` tokens.
    pub fn decode_step(&self, model: &Model, batch: f64, context: f64) -> f64 {
        let (batch, context) = (at_least_0(batch), at_least_0(context));
        let bytes = model.weight_bytes() + batch * context * model.kv_bytes();
        let reading = bytes / (at_least_0(self.bandwidth) * share(self.bandwidth_share)).max(f64::MIN_POSITIVE);
        reading.max(batch * model.flop_per_token() / self.arithmetic().max(f64::MIN_POSITIVE))
    }

    /// Answer tokens written per second by a batch.
    pub fn decode(&self, model: &Model, batch: f64, context: f64) -> f64 {
        at_least_0(at_least_0(batch) / self.decode_step(model, batch, context))
    }

    /// Tokens of keys and values that fit beside the weights.
    pub fn kv_tokens(&self, model: &Model) -> f64 {
        let left = at_least_0(self.memory) * share(self.memory_share) - model.weight_bytes() - at_least_0(self.activations);
        at_least_0(at_least_0(left) / model.kv_bytes())
    }

    /// Sequences of `context` tokens that fit at once; 0 when the weights do not even fit.
    pub fn max_batch(&self, model: &Model, context: f64) -> u64 {
        at_least_0(self.kv_tokens(model) / at_least_0(context).max(1.0)).floor() as u64
    }
}

/// Sequences in flight: arrivals per second x (time to first token + answer tokens x time per token), by Little's law.
pub fn sequences_in_flight(rate: f64, first_token: f64, answer_tokens: f64, per_token: f64) -> f64 {
    at_least_0(rate) * (at_least_0(first_token) + at_least_0(answer_tokens) * at_least_0(per_token))
}

/// Accelerators for a load of `rate` requests per second with so many prompt and answer tokens, when prefill and decode share
/// them at `prefill` and `decode` tokens per second each. `u64::MAX` when one of the two is 0 and needed.
pub fn accelerators(rate: f64, input: f64, output: f64, prefill: f64, decode: f64) -> u64 {
    let part = |tokens: f64, speed: f64| if tokens > 0.0 { tokens / at_least_0(speed) } else { 0.0 };
    round_up(part(at_least_0(rate) * at_least_0(input), prefill) + part(at_least_0(rate) * at_least_0(output), decode))
}
