//! The states of jobs and executions: those of jobs are texts of the API, those of executions numbers.
//!
//! A text is read in any case, and one that isn't known as `Undefined`: so does Bacalhau.

use super::{is_default, or_default};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// An enum whose values have texts.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $(#[$first_meta:meta])* $first:ident = $first_text:literal,
       $($(#[$value_meta:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[$first_meta])*
            #[default]
            $first,
            $($(#[$value_meta])* $value,)*
        }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &[Self] = &[Self::$first, $(Self::$value),*];

            /// The text of the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$value => $text,)*
                }
            }

            /// The value of a text, in any case; `None` when there is none.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str().eq_ignore_ascii_case(text.trim()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use names;

/// An enum that is a text in JSON, with the first of its values for every other text.
macro_rules! texts {
    ($(#[$meta:meta])* $name:ident { $($values:tt)* }) => {
        $crate::model::state::names! { $(#[$meta])* $name { $($values)* } }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                Ok(Self::from_text(&Cow::<str>::deserialize(input)?).unwrap_or_default())
            }
        }
    };
}
pub(super) use texts;

/// An enum that is a number in JSON, as Go writes its own without texts; texts are read too.
macro_rules! numbers {
    ($(#[$meta:meta])* $name:ident { $($values:tt)* }) => {
        names! { $(#[$meta])* $name { $($values)* } }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_u8(*self as u8)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Either<'a> {
                    Number(u64),
                    Text(Cow<'a, str>),
                }
                Ok(match Either::deserialize(input)? {
                    Either::Number(number) => {
                        usize::try_from(number).ok().and_then(|at| Self::ALL.get(at)).copied()
                    }
                    Either::Text(text) => Self::from_text(&text),
                }
                .unwrap_or_default())
            }
        }
    };
}

texts! {
    /// Where a job is in its life.
    JobStateType {
        /// Not said.
        Undefined = "Undefined",
        /// Submitted, not yet scheduled.
        Pending = "Pending",
        /// No node can take it yet.
        Queued = "Queued",
        /// At least one execution is active.
        Running = "Running",
        /// Done.
        Completed = "Completed",
        /// Failed.
        Failed = "Failed",
        /// Stopped by its owner.
        Stopped = "Stopped",
    }
}

impl JobStateType {
    /// Whether nothing more will happen to the job.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped)
    }
}

numbers! {
    /// Where one attempt at a job on one node is.
    ExecutionStateType {
        /// Not said.
        Undefined = "Undefined",
        /// Made, and not yet sent to a node.
        New = "New",
        /// A node is asked whether it wants it.
        AskForBid = "AskForBid",
        /// The node wants it.
        AskForBidAccepted = "AskForBidAccepted",
        /// The node doesn't want it.
        AskForBidRejected = "AskForBidRejected",
        /// The orchestrator took the node's word; it should be about to run.
        BidAccepted = "BidAccepted",
        /// It runs.
        Running = "Running",
        /// It has run, its result is being published.
        Publishing = "Publishing",
        /// The orchestrator didn't take the node's word.
        BidRejected = "BidRejected",
        /// Done, and its result published.
        Completed = "Completed",
        /// Failed.
        Failed = "Failed",
        /// Cancelled by the owner or the orchestrator.
        Cancelled = "Cancelled",
    }
}

impl ExecutionStateType {
    /// Whether nothing more will happen to the execution.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::BidRejected | Self::Completed | Self::Failed | Self::Cancelled | Self::AskForBidRejected
        )
    }
}

numbers! {
    /// What the orchestrator wants an execution to be.
    ExecutionDesiredStateType {
        /// To wait.
        Pending = "Pending",
        /// To run.
        Running = "Running",
        /// To stop.
        Stopped = "Stopped",
    }
}

texts! {
    /// What an entry of a job's history is about.
    JobHistoryType {
        /// Not said.
        Undefined = "Undefined",
        /// The job.
        JobLevel = "JobLevel",
        /// One execution.
        ExecutionLevel = "ExecutionLevel",
    }
}

/// A state with what is said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, bound(deserialize = "T: Default + Deserialize<'de>"))]
pub struct State<T> {
    /// The state.
    pub state_type: T,
    /// Why, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// More, for programs.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl<T> State<T> {
    /// A state about which something is said; the text may be empty.
    #[must_use]
    pub fn new(state_type: T, message: impl Into<String>) -> Self {
        Self { state_type, message: message.into(), details: BTreeMap::new() }
    }
}

/// A change of state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "PascalCase",
    default,
    bound(serialize = "T: Default + PartialEq + Serialize", deserialize = "T: Default + Deserialize<'de>")
)]
pub struct StateChange<T> {
    /// Before.
    #[serde(skip_serializing_if = "is_default")]
    pub previous: T,
    /// After.
    #[serde(skip_serializing_if = "is_default")]
    pub new: T,
}
