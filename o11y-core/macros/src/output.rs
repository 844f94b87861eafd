//! What a return type says, as far as it can be read from how it is written.

use syn::{
    GenericArgument, PathArguments, PathSegment, Type, TypeImplTrait, TypeParamBound,
    visit::{self, Visit},
};

/// Whether it is written as a `Result`: under that name, in whatever module.
pub(crate) fn is_result(output: &Type) -> bool {
    last_segment(output).is_some_and(|segment| segment.ident == "Result")
}

/// What a `Pin<Box<dyn Future<Output = T>>>` gives.
pub(crate) fn of_boxed_future(output: &Type) -> Option<&Type> {
    let boxed = argument_of(output, "Pin")?;
    let Type::TraitObject(object) = argument_of(boxed, "Box")? else {
        return None;
    };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let future = bound.path.segments.last()?;
        if future.ident != "Future" {
            return None;
        }
        arguments(future).find_map(|argument| match argument {
            GenericArgument::AssocType(assigned) if assigned.ident == "Output" => {
                Some(&assigned.ty)
            }
            _ => None,
        })
    })
}

/// Whether `impl Trait` is written somewhere in it.
pub(crate) fn says_impl(output: &Type) -> bool {
    struct Finder(bool);

    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, i: &'ast TypeImplTrait) {
            self.0 = true;
            visit::visit_type_impl_trait(self, i);
        }
    }

    let mut finder = Finder(false);
    finder.visit_type(output);
    finder.0
}

/// The only type in the angle brackets of a type of that name.
fn argument_of<'a>(output: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(output).filter(|segment| segment.ident == name)?;
    arguments(segment).find_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    })
}

fn last_segment(output: &Type) -> Option<&PathSegment> {
    match output {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten()
}
