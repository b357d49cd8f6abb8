//! Reading a fact of a newer version: fields that this version does not know are left out, deep inside too.
//!
//! Settings refuse unknown fields, because people write them. In a fact they are no error: fields are only ever added.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// A JSON value whose structs are read without the fields they do not have.
pub(super) struct Lenient(pub(super) Value);

type Cause = serde_json::Error;

impl IntoDeserializer<'_, Cause> for Lenient {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn entries(map: Map<String, Value>) -> impl Iterator<Item = (String, Lenient)> {
    map.into_iter().map(|(key, value)| (key, Lenient(value)))
}

fn items(list: Vec<Value>) -> impl Iterator<Item = Lenient> {
    list.into_iter().map(Lenient)
}

impl<'de> Deserializer<'de> for Lenient {
    type Error = Cause;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        match self.0 {
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(items(list))),
            Value::Object(map) => visitor.visit_map(MapDeserializer::new(entries(map))),
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                plain.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        match self.0 {
            // In the order of the fields: a kind is then known before its body is read.
            Value::Object(mut map) => {
                let known = fields.iter().filter_map(|field| map.remove(*field).map(|value| (*field, Self(value))));
                visitor.visit_map(MapDeserializer::new(known))
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Self(plain).deserialize_any(visitor)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Cause> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Cause> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Cause> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}
