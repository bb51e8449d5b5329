//! Why a request has no effect: the codes and sentences of ms_protocol(7).

/// Why a request is refused, by the codes of ms_protocol(7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// The name is taken.
    Exists,
    /// There is no such group within the scope.
    NotFound,
    /// The group may not reach so far.
    ScopeExceeded,
    /// Who asks, or is asked about, is no member.
    NotMember,
    /// The group has ended.
    Terminated,
    /// It has as many members as can be, or the message would be too large.
    TooLarge,
    /// Its quality of service rules that out.
    NotPossible,
    /// Who asks may not.
    NotAuthorised,
    /// No mserver could be reached.
    NoMserver,
    /// The application has too many members, or calls under way.
    TooMany,
    /// A quality of service that this version knows, and does not carry out.
    NotSupported,
}

impl Refusal {
    /// All of them, by their codes from 16 on.
    pub const ALL: [Refusal; 11] = [
        Refusal::Exists,
        Refusal::NotFound,
        Refusal::ScopeExceeded,
        Refusal::NotMember,
        Refusal::Terminated,
        Refusal::TooLarge,
        Refusal::NotPossible,
        Refusal::NotAuthorised,
        Refusal::NoMserver,
        Refusal::TooMany,
        Refusal::NotSupported,
    ];

    /// In words for an application.
    pub fn sentence(self) -> &'static str {
        match self {
            Refusal::Exists => "a group of this name exists",
            Refusal::NotFound => "there is no group of this name within the scope",
            Refusal::ScopeExceeded => "the group may not reach that far",
            Refusal::NotMember => "not a member of the group",
            Refusal::Terminated => "the group has ended",
            Refusal::TooLarge => "the group would be too large",
            Refusal::NotPossible => "not possible with the group's quality of service",
            Refusal::NotAuthorised => "not authorised",
            Refusal::NoMserver => "no mserver could be reached",
            Refusal::TooMany => "too many members or calls of one application",
            Refusal::NotSupported => "this version does not carry out that quality of service",
        }
    }
}
