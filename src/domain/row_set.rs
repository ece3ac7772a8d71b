//! A set of rows as a line of the ledger holds it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use roaring::RoaringTreemap;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Row numbers, written as the base64 of a Roaring bitmap: a few bytes for rows that follow one
/// another, two bits at most for each row of the file.
///
/// The format is <https://github.com/RoaringBitmap/RoaringFormatSpec>, in its 64-bit form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowSet(pub RoaringTreemap);

impl From<&RoaringTreemap> for RowSet {
    fn from(rows: &RoaringTreemap) -> Self {
        let mut rows = rows.clone();
        rows.optimize();
        Self(rows)
    }
}

impl Serialize for RowSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(self.0.serialized_size());
        self.0
            .serialize_into(&mut bytes)
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for RowSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
        let rows = RoaringTreemap::deserialize_from(bytes.as_slice()).map_err(D::Error::custom)?;
        Ok(Self(rows))
    }
}

#[cfg(test)]
mod tests {
    use roaring::RoaringTreemap;

    use super::RowSet;

    #[test]
    fn a_set_is_read_as_it_was_written_and_ten_million_rows_take_few_bytes() {
        for rows in [
            RoaringTreemap::new(),
            RoaringTreemap::from_iter([1, 7, u64::from(u32::MAX) + 5]),
            (1..10_000_001).collect(),
        ] {
            let text = serde_json::to_string(&RowSet::from(&rows)).unwrap();
            assert!(text.len() < 4_000, "{}", text.len());
            assert_eq!(serde_json::from_str::<RowSet>(&text).unwrap().0, rows);
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["\"?\"", "\"AAAA\"", "7"] {
            assert!(serde_json::from_str::<RowSet>(text).is_err(), "{text}");
        }
    }
}
