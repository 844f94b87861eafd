//! How a typed event is declared: one line for each field, and all that follows from it.
//!
//! Where it is used, [`field`](super::field) has to be in scope.

/// The setter and the getter of a field of one kind. A subject is set by constructors only, and the
/// accessors of what is `own` are the event's own.
macro_rules! accessors {
    ($field:ident: own) => {};
    ($(#[$doc:meta])+ $field:ident / $getter:ident: subject) => {
        $(#[$doc])+
        #[must_use]
        pub fn $getter(&self) -> Option<&str> {
            self.$field.as_str()
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: text) => {
        $(#[$doc])+
        pub fn $field(mut self, $field: impl Into<$crate::Value>) -> Self {
            self.$field = field::into_text($field.into());
            self
        }

        #[doc = concat!("What [`", stringify!($field), "`](Self::", stringify!($field), ") was set to.")]
        #[must_use]
        pub fn $getter(&self) -> Option<&str> {
            self.$field.as_str()
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: any) => {
        $(#[$doc])+
        pub fn $field(mut self, $field: impl Into<$crate::Value>) -> Self {
            self.$field = $field.into();
            self
        }

        #[doc = concat!("What [`", stringify!($field), "`](Self::", stringify!($field), ") was set to.")]
        #[must_use]
        pub fn $getter(&self) -> Option<&$crate::Value> {
            Some(&self.$field).filter(|value| !value.is_null())
        }
    };
    (@typed $(#[$doc:meta])+ $field:ident / $getter:ident: $type:ty, $from:path, $to:path) => {
        $(#[$doc])+
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $from($field);
            self
        }

        #[doc = concat!("What [`", stringify!($field), "`](Self::", stringify!($field), ") was set to.")]
        #[must_use]
        pub fn $getter(&self) -> Option<$type> {
            $to(&self.$field)
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: number) => {
        $crate::typed::declaration::accessors! {
            @typed $(#[$doc])+
            $field / $getter: f64, field::from_number, $crate::Value::as_f64
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: count) => {
        $crate::typed::declaration::accessors! {
            @typed $(#[$doc])+
            $field / $getter: u64, field::from_count, $crate::Value::as_u64
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: truth) => {
        $crate::typed::declaration::accessors! {
            @typed $(#[$doc])+
            $field / $getter: bool, $crate::Value::from, $crate::Value::as_bool
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: duration) => {
        $crate::typed::declaration::accessors! {
            @typed $(#[$doc])+
            $field / $getter: std::time::Duration, field::from_duration, field::to_duration
        }
    };
    ($(#[$doc:meta])+ $field:ident / $getter:ident: money) => {
        $crate::typed::declaration::accessors! {
            @typed $(#[$doc])+
            $field / $getter: $crate::Cost, $crate::Value::from, field::to_money
        }
    };
}
pub(super) use accessors;

/// A typed event: its struct, and for each field `setter / getter: kind = key, older keys;`.
///
/// Fields in braces begin with their defaults; the method after `=>` writes them, `from_event` has
/// to read them.
macro_rules! typed_event {
    (
        $(#[$meta:meta])*
        $event:ident { $($own:ident: $own_type:ty),* } $(=> $write_own:ident)?
        $($(#[$doc:meta])* $field:ident $(/ $getter:ident)?: $kind:ident = $key:expr $(, $older:expr)*;)+
    ) => {
        $(#[$meta])*
        #[must_use = "call `emit` or `try_emit`"]
        #[derive(Clone, PartialEq)]
        pub struct $event {
            name: compact_str::CompactString,
            $($own: $own_type,)*
            $($field: $crate::Value,)+
        }

        impl $event {
            fn silent(name: compact_str::CompactString) -> Self {
                Self {
                    name,
                    $($own: Default::default(),)*
                    $($field: $crate::Value::null(),)+
                }
            }

            /// What the event says in the fields that have a key each.
            fn read(event: &$crate::Event) -> Self {
                Self {
                    name: event.name().into(),
                    $($own: Default::default(),)*
                    $($field: field::read(
                        event,
                        &[$key $(, $older)*],
                        $crate::typed::declaration::kind!($kind),
                    ),)+
                }
            }

            /// Gives it another name, for subscribers that listen for that one.
            pub fn named(mut self, name: impl Into<std::borrow::Cow<'static, str>>) -> Self {
                self.name = $crate::text::text(name);
                self
            }

            /// The name that it is emitted under.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }

            /// Tells subscribers. Inside a span it also becomes an observation of type `event`,
            /// which `Event::from(..).unrecorded().emit()` does not. A veto is counted and changes
            /// nothing.
            pub fn emit(self) {
                $crate::Event::from(self).emit();
            }

            /// Asks subscribers.
            ///
            /// # Errors
            ///
            /// [`Vetoed`](crate::Vetoed) if one of them refuses.
            pub fn try_emit(self) -> Result<(), $crate::Vetoed> {
                $crate::Event::from(self).try_emit()
            }

            $($crate::typed::declaration::accessors! { $(#[$doc])* $field $(/ $getter)?: $kind })+
        }

        /// Shows what is said, and of texts only how long they are.
        impl std::fmt::Debug for $event {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($event));
                shown.field("name", &self.name);
                $(shown.field(stringify!($own), &self.$own);)*
                $(if !self.$field.is_null() {
                    shown.field(stringify!($field), &self.$field);
                })+
                shown.finish()
            }
        }

        impl From<$event> for $crate::Event {
            /// At the current point of the current trace.
            fn from(event: $event) -> Self {
                let mut attributes = $crate::Attributes::new();
                $(event.$write_own(&mut attributes);)?
                $(attributes.put($key, event.$field);)+
                Self::new(String::from(event.name), attributes)
            }
        }
    };
}
pub(super) use typed_event;

/// How a value of a kind is read.
macro_rules! kind {
    (subject) => {
        field::text
    };
    (own) => {
        field::any
    };
    ($kind:ident) => {
        field::$kind
    };
}
pub(super) use kind;
