//! The transformations that are built in, one file each; docs/transformations.md explains them to users, with examples that are tested.
//!
//! `rules` looks them up by name and lets each read its parameters. `cells` reads a metric's cells, `numbers` changes the numbers in
//! them.

mod add_metadata;
mod aggregate;
mod cells;
mod legacy_to_per_label;
mod normalize_json_keys;
mod numbers;
mod repair_json;
mod round;
mod scale;

use add_metadata::AddMetadata;
use aggregate::Aggregate;
use legacy_to_per_label::LegacyToPerLabel;
use normalize_json_keys::NormalizeJsonKeys;
use repair_json::RepairJson;
use round::Round;
use scale::Scale;

use super::metric::Transform;
use super::rules::Node;
use crate::error::Result;

/// Reads the parameters of one of them.
pub(crate) type Reader = fn(&Node<'_>) -> Result<BuiltIn>;

macro_rules! built_ins {
    ($($name:literal $variant:ident,)+) => {
        /// A built-in transformation with its parameters.
        #[derive(Clone, Debug)]
        pub enum BuiltIn { $($variant($variant),)+ }

        /// Their names.
        pub const NAMES: &[&str] = &[$($name,)+];

        impl BuiltIn {
            /// What reads the parameters of the transformation of this name.
            pub(crate) fn reader(name: &str) -> Option<Reader> {
                match name {
                    $($name => Some(|params| $variant::read(params).map(BuiltIn::$variant)),)+
                    _ => None,
                }
            }

            /// Ready to be applied.
            pub fn transform(&self) -> Box<dyn Transform> {
                match self { $(BuiltIn::$variant(transform) => Box::new(transform.clone()),)+ }
            }
        }
    };
}

built_ins! {
    "legacy_to_per_label" LegacyToPerLabel,
    "normalize_json_keys" NormalizeJsonKeys,
    "add_metadata" AddMetadata,
    "scale" Scale,
    "round" Round,
    "aggregate" Aggregate,
    "repair_json" RepairJson,
}
