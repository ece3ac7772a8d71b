//! Enums whose variants have one name each, in ledgers, options and reports: the table of names
//! is the enum.

/// Defines an enum from a table of variants and names. It gets `ALL`, `name()`, `index()`,
/// `Display`, and serde by the same names.
macro_rules! named {
    (
        $(#[$about:meta])*
        pub enum $Enum:ident {
            $($(#[$doc:meta])* $Variant:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $Enum {
            $($(#[$doc])* #[serde(rename = $name)] $Variant,)+
        }

        impl $Enum {
            /// Every variant, in the order reports list them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$Variant),+];

            /// The name in ledgers, options and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The index in `ALL`.
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::domain::{Action, Outcome, ProviderKind, Step};

    #[test]
    fn names_are_those_in_json_too() {
        macro_rules! check {
            ($($Enum:ty),+) => {$(
                for (index, it) in <$Enum>::ALL.into_iter().enumerate() {
                    assert_eq!(it.index(), index);
                    let json = serde_json::to_string(&it).unwrap();
                    assert_eq!(json, format!("\"{it}\""));
                    assert_eq!(serde_json::from_str::<$Enum>(&json).unwrap(), it);
                }
            )+};
        }
        check!(ProviderKind, Action, Step, Outcome);
    }
}
