//! What is said of the signatures of a file, in one word.

/// What is known of the signature of one program, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// What was signed is the program.
    Matches,
    /// Somebody signed, and nobody has compared what.
    NotChecked,
    /// There is none.
    Unsigned,
    /// There are digests that nobody signed.
    AdHoc,
    /// What was signed is not the program.
    Differs,
    /// There is one that cannot be read, or the program cannot be read up to where it would be named.
    Unreadable,
}

impl State {
    /// The value of the attribute.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Matches => "digest-matches",
            Self::NotChecked => "not-checked",
            Self::Unsigned => "unsigned",
            Self::AdHoc => "ad-hoc",
            Self::Differs => "digest-differs",
            Self::Unreadable => "unreadable",
        }
    }

    /// The worst state in a file of several programs: the best would vouch for the others, which anyone can put beside it.
    /// Where one is signed and another is not, the file names a signer and nobody signed all of it: `ad-hoc`.
    pub(super) fn of(programs: &[Self]) -> Option<Self> {
        let worst = programs.iter().copied().max()?;
        let signed = programs.iter().any(|state| matches!(state, Self::Matches | Self::NotChecked));
        Some(if worst == Self::Unsigned && signed { Self::AdHoc } else { worst })
    }
}

#[cfg(test)]
mod tests {
    use super::State::{AdHoc, Differs, Matches, NotChecked, Unreadable, Unsigned};
    use super::*;

    #[test]
    fn the_worst_program_speaks_for_the_file() {
        let cases: [(&[State], Option<State>); 9] = [
            (&[], None),
            (&[Matches, Matches], Some(Matches)),
            (&[Matches, NotChecked], Some(NotChecked)),
            (&[Unsigned, Unsigned], Some(Unsigned)),
            (&[Matches, Unsigned], Some(AdHoc)),
            (&[Unsigned, NotChecked], Some(AdHoc)),
            (&[Unsigned, AdHoc], Some(AdHoc)),
            (&[Differs, Matches, AdHoc], Some(Differs)),
            (&[Matches, Unreadable, Differs], Some(Unreadable)),
        ];
        for (programs, wanted) in cases {
            assert_eq!(State::of(programs), wanted, "{programs:?}");
        }
    }
}
