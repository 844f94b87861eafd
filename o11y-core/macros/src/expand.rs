//! The function with a span around its body.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, FnArg, Ident, ItemFn, Pat, Result, ReturnType, Type, parse_quote};

use crate::{options::Options, output};

/// Puts the body into the closure of `with_span` or one of its siblings.
pub(crate) fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    if let Some(constant) = &function.sig.constness {
        let message = "a `const fn` cannot be observed, because it may run in the compiler";
        return Err(Error::new_spanned(constant, message));
    }
    let noted = noted(options, &function)?;
    let written = match &function.sig.output {
        ReturnType::Type(_, written) => Some(&**written),
        ReturnType::Default => None,
    };
    let boxed = written.and_then(output::of_boxed_future);
    let returned = boxed.or(written);
    let is_result = returned.is_some_and(output::is_result);
    let parts = Parts {
        spec: spec(options, &function.sig.ident),
        arrow: arrow(boxed.is_none(), returned),
        noted,
        captured: options.captures_output.then(|| captured(is_result)),
        is_result,
    };
    let body = &function.block;
    let block = if boxed.is_some() {
        // The function itself makes the future; it is observed until that ends.
        let observed = parts.observed(true, &quote!(#body.await));
        quote!({ ::std::boxed::Box::pin(#observed) })
    } else if function.sig.asyncness.is_some() {
        let observed = parts.observed(true, &quote!(async move #body.await));
        quote!({ #observed.await })
    } else {
        // A closure, so that `return` and `?` end the body and not what is around it; told that it
        // is called once, so that what it returns may borrow from the arguments.
        let arrow = &parts.arrow;
        let once = quote!(::o11y_core::__private::once(move || #arrow #body));
        let observed = parts.observed(false, &once);
        quote!({ #observed })
    };
    function.block = parse_quote!(#block);
    Ok(quote!(#function))
}

/// What the three forms have in common.
struct Parts {
    spec: TokenStream,
    /// The return type of the closure, where it can be written.
    arrow: TokenStream,
    noted: TokenStream,
    captured: Option<TokenStream>,
    is_result: bool,
}

impl Parts {
    /// The call that runs `body` inside the span.
    fn observed(&self, is_async: bool, body: &TokenStream) -> TokenStream {
        let Self {
            spec,
            arrow,
            noted,
            captured,
            is_result,
        } = self;
        let open = match (is_async, is_result) {
            (false, false) => quote!(with_span),
            (false, true) => quote!(try_with_span),
            (true, false) => quote!(with_span_async),
            (true, true) => quote!(try_with_span_async),
        };
        let asyncness = is_async.then(|| quote!(async));
        // Names that the body cannot see.
        quote_spanned! {Span::mixed_site()=>
            ::o11y_core::Context::#open(
                #spec,
                #asyncness move |span: &mut ::o11y_core::Span| #arrow {
                    #noted
                    let output = #body;
                    #captured
                    output
                },
            )
        }
    }
}

fn spec(options: &Options, function: &Ident) -> TokenStream {
    let name = options.name.as_ref().map_or_else(
        || function.to_string().trim_start_matches("r#").to_owned(),
        syn::LitStr::value,
    );
    let observation = options
        .observation
        .as_ref()
        .map(|variant| quote!(.observation(::o11y_core::ObservationType::#variant)));
    let level = options
        .level
        .as_ref()
        .map(|variant| quote!(.level(::o11y_core::Level::#variant)));
    quote!(|| ::o11y_core::SpanSpec::new(#name) #observation #level)
}

/// The return type, unless it says `impl Trait`, which a closure cannot.
fn arrow(is_written: bool, returned: Option<&Type>) -> TokenStream {
    match returned {
        Some(returned) if !output::says_impl(returned) => quote!(-> #returned),
        // Of a function that returns nothing, the compiler should find a value that is left over.
        None if is_written => quote!(-> ()),
        _ => TokenStream::new(),
    }
}

/// Notes input and attributes, before the body moves the arguments away.
fn noted(options: &Options, function: &ItemFn) -> Result<TokenStream> {
    let arguments = arguments(options, function)?;
    let names = arguments.iter().map(ToString::to_string);
    // Where the argument stands, for the compiler to show which one is not `Serialize`.
    let values = arguments
        .iter()
        .map(|argument| quote_spanned!(argument.span()=> &#argument));
    let input = (options.captures_input && !arguments.is_empty()).then(|| {
        quote_spanned! {Span::mixed_site()=>
            span.set_input(::o11y_core::__private::Arguments::new()
                #(.with(#names, #values))*
                .finish());
        }
    });
    let attributes = options.attributes.iter().map(|attribute| {
        let (key, value) = (&attribute.key, &attribute.value);
        quote_spanned!(Span::mixed_site()=> span.set_attribute(#key, #value);)
    });
    if input.is_none() && options.attributes.is_empty() {
        return Ok(TokenStream::new());
    }
    Ok(quote_spanned! {Span::mixed_site()=>
        if span.is_recording() {
            #input
            #(#attributes)*
        }
    })
}

/// The arguments that are to be noted.
fn arguments<'a>(options: &Options, function: &'a ItemFn) -> Result<Vec<&'a Ident>> {
    let mut arguments = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else {
            continue; // `self`
        };
        match &*input.pat {
            Pat::Ident(argument) => arguments.push(&argument.ident),
            Pat::Wild(_) => {}
            other if options.captures_input => {
                let message = "an argument needs a name to be noted under; take the pattern apart \
                               in the body, or leave out `capture_input`";
                return Err(Error::new_spanned(other, message));
            }
            _ => {}
        }
    }
    let has_self = function.sig.receiver().is_some();
    for skipped in &options.skipped {
        let is_self = has_self && skipped == "self"; // never noted anyway
        if !is_self && !arguments.contains(&skipped) {
            let message = format!("`{skipped}` is no argument of this function");
            return Err(Error::new(skipped.span(), message));
        }
    }
    arguments.retain(|argument| !options.skipped.contains(argument));
    Ok(arguments)
}

fn captured(is_result: bool) -> TokenStream {
    let noted = if is_result {
        quote_spanned! {Span::mixed_site()=>
            if let ::core::result::Result::Ok(output) = &output {
                span.set_output(output);
            }
        }
    } else {
        quote_spanned!(Span::mixed_site()=> span.set_output(&output);)
    };
    quote_spanned! {Span::mixed_site()=>
        if span.is_recording() {
            #noted
        }
    }
}
