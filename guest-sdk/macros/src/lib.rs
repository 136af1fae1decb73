//! The entry-point macro of lilypad-guest; use it as `#[lilypad_guest::main]`.
//!
//! It only connects the author's function with `lilypad_guest::entry`: reading the input, printing the
//! answer and choosing the exit code happen there, in ordinary code that can be read and tested.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, ItemFn};

/// Makes a function the entry point of a job module.
///
/// The function takes nothing, or one `T: serde::de::DeserializeOwned` that is read as a JSON object from stdin.
/// It returns nothing, or `Result<O, E>` with `O: serde::Serialize` and `E: Into<Box<dyn std::error::Error>>`.
/// A function with another name than `main` stays callable under that name, so that tests can run it.
#[proc_macro_attribute]
pub fn main(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(arguments.into(), item.into()).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "#[lilypad_guest::main] takes no arguments"));
    }
    let mut job: ItemFn = syn::parse2(item)?;
    let takes_input = check_signature(&job)?;
    let run = if takes_input { quote!(run) } else { quote!(run_without_input) };

    if job.sig.ident == "main" {
        // Its own name is taken by the entry point, so the author's function moves inside.
        job.sig.ident = format_ident!("job");
        return Ok(quote! {
            fn main() -> ::std::process::ExitCode {
                #job
                ::lilypad_guest::entry::#run(job)
            }
        });
    }
    let name = &job.sig.ident;
    Ok(quote! {
        #job
        fn main() -> ::std::process::ExitCode {
            ::lilypad_guest::entry::#run(#name)
        }
    })
}

/// Whether the function takes an input; an error that says what to change when it can't be an entry point.
fn check_signature(job: &ItemFn) -> syn::Result<bool> {
    let sig = &job.sig;
    if let Some(asyncness) = &sig.asyncness {
        return Err(Error::new_spanned(asyncness, "a job is not async: it has one thread and no network"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new_spanned(&sig.generics, "a job's entry point can't be generic"));
    }
    if let Some(self_argument @ FnArg::Receiver(_)) = sig.inputs.first() {
        return Err(Error::new_spanned(
            self_argument,
            "a job's entry point is a free function, without self",
        ));
    }
    if sig.inputs.len() > 1 {
        return Err(Error::new_spanned(
            &sig.inputs,
            "a job takes one input; put the values into one struct that derives serde::Deserialize",
        ));
    }
    Ok(!sig.inputs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(item: TokenStream) -> String {
        expand(TokenStream::new(), item).unwrap_err().to_string()
    }

    fn text_of(item: TokenStream) -> String {
        expand(TokenStream::new(), item).unwrap().to_string()
    }

    #[test]
    fn a_named_job_stays_callable() {
        let text = text_of(quote!(
            fn count(input: Input) -> Result<(), Error> {}
        ));
        assert!(text.starts_with("fn count (input : Input)"), "{text}");
        assert!(text.contains(":: lilypad_guest :: entry :: run (count)"), "{text}");
    }

    #[test]
    fn a_job_named_main_moves_inside() {
        let text = text_of(quote!(
            fn main() {}
        ));
        assert!(text.starts_with("fn main () -> :: std :: process :: ExitCode"), "{text}");
        assert!(text.contains("entry :: run_without_input (job)"), "{text}");
    }

    #[test]
    fn what_cannot_be_an_entry_point_is_refused() {
        assert!(
            error_of(quote!(
                async fn main() {}
            ))
            .contains("not async")
        );
        assert!(
            error_of(quote!(
                fn main<T>(input: T) {}
            ))
            .contains("generic")
        );
        assert!(
            error_of(quote!(
                fn main(&self) {}
            ))
            .contains("without self")
        );
        assert!(
            error_of(quote!(
                fn main(a: u8, b: u8) {}
            ))
            .contains("one input")
        );
        let arguments = expand(
            quote!(fast),
            quote!(
                fn main() {}
            ),
        );
        assert!(arguments.unwrap_err().to_string().contains("no arguments"));
    }
}
