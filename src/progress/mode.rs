//! Which of the renderers is used.

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// [`Mode::Bar`] on a terminal, else [`Mode::Plain`].
    #[default]
    Auto,
    /// A bar for each account.
    Bar,
    /// A plain line for an account now and then.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

impl Mode {
    /// The mode without [`Mode::Auto`]. `terminal`: whether standard error is one.
    #[must_use]
    pub const fn resolve(self, terminal: bool) -> Self {
        match (self, terminal) {
            (Self::Auto, true) => Self::Bar,
            (Self::Auto, false) => Self::Plain,
            (Self::Bar | Self::Plain | Self::Json | Self::None, _) => self,
        }
    }
}
