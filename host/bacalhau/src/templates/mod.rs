//! Lilypad's modules (`lilypad_module.json.tmpl`): a Go text/template around a Bacalhau job, filled with inputs.
//!
//! Of Go's templates this understands what modules use, strictly: what it doesn't understand, and an input that isn't
//! there, is an error with its line. Where a module comes from is not its business.

mod commas;
mod error;
mod functions;
mod lex;
mod module;
mod parse;
mod run;

pub use error::TemplateError;

use crate::documents::Plan;
use parse::{Operand, Part, Pipeline};
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 4 << 20;

/// The plan of a module, given its inputs (`-i Name=value`).
///
/// # Errors
/// When the template can't be understood, needs an input that isn't given, or gives no job.
pub fn render(template: &str, inputs: &BTreeMap<String, String>) -> Result<Plan, TemplateError> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLarge(template.len()));
    }
    let parts = parse::parse(lex::pieces(template)?)?;
    let spelled = inputs.iter().map(|(name, value)| (name.clone(), spelled(value))).collect();
    let mut plan = module::read(&run::run(&parts, &spelled)?)?;
    if let Some(names) = names(&parts) {
        let known = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        for name in inputs.keys().filter(|name| !names.contains(*name)) {
            plan.warnings.push(format!("the module doesn't use the input '{name}'; it uses {known}"));
        }
    }
    Ok(plan)
}

/// The inputs that a template uses, by name; `None` when it may use any (`range`, or `index` by a variable).
///
/// # Errors
/// When the template can't be understood.
pub fn inputs(template: &str) -> Result<Option<BTreeSet<String>>, TemplateError> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLarge(template.len()));
    }
    Ok(names(&parse::parse(lex::pieces(template)?)?))
}

/// A text in JSON's spelling, with the characters that Go escapes for HTML's sake.
fn spelled(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn names(parts: &[Part<'_>]) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    names_of_parts(parts, &mut names).then_some(names)
}

/// Adds the names; whether they are all.
fn names_of_parts(parts: &[Part<'_>], names: &mut BTreeSet<String>) -> bool {
    parts.iter().all(|part| match part {
        Part::Text(_) => true,
        Part::Write(pipeline) => names_of_pipeline(pipeline, names),
        Part::Block(parse::Block::Range, ..) => false,
        Part::Block(_, question, then, otherwise) => {
            names_of_pipeline(question, names)
                && names_of_parts(then, names)
                && names_of_parts(otherwise, names)
        }
    })
}

fn names_of_pipeline(pipeline: &Pipeline, names: &mut BTreeSet<String>) -> bool {
    pipeline.commands.iter().all(|command| {
        let is_index = matches!(command.first(), Some(Operand::Function(name)) if name == "index");
        command.iter().enumerate().all(|(place, operand)| match operand {
            Operand::Fields(fields) | Operand::Variable(_, fields) => {
                names.extend(fields.first().cloned());
                !(is_index && place > 1)
            }
            Operand::Text(name) if is_index => {
                names.insert(name.clone());
                true
            }
            Operand::Group(group) => names_of_pipeline(group, names) && !(is_index && place > 1),
            _ => true,
        })
    })
}

#[cfg(test)]
mod tests;
