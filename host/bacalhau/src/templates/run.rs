//! Fills a parsed template in.
//!
//! Inputs are texts in JSON's spelling, quotes included, as Lilypad's templates expect: `{{.Message}}` writes `"moo"`.

use super::{
    TemplateError,
    functions::{self, Value},
    parse::{Block, Operand, Part, Pipeline},
};
use std::collections::BTreeMap;

/// Most bytes of a filled template.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// Most parts that are visited; ranges within ranges multiply.
const STEPS_MAX: usize = 1 << 20;

/// Writes a template with its inputs (by name, each in JSON's spelling).
pub(super) fn run(parts: &[Part<'_>], inputs: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut run =
        Run { inputs, variables: vec![(String::new(), Value::Inputs)], output: String::new(), steps: 0 };
    run.parts(parts, &Value::Inputs)?;
    Ok(run.output)
}

struct Run<'a> {
    inputs: &'a BTreeMap<String, String>,
    /// Innermost last; the first is `$`, the inputs.
    variables: Vec<(String, Value)>,
    output: String,
    steps: usize,
}

impl Run<'_> {
    fn parts(&mut self, parts: &[Part<'_>], dot: &Value) -> Result<(), TemplateError> {
        let outer = self.variables.len();
        for part in parts {
            match part {
                Part::Text(text) => self.output.push_str(text),
                Part::Write(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if !self.give(pipeline, std::slice::from_ref(&value))? {
                        self.output.push_str(&value.written(pipeline.line)?);
                    }
                }
                Part::Block(kind, question, then, otherwise) => {
                    let inner = self.variables.len();
                    self.block(*kind, question, then, otherwise, dot)?;
                    self.variables.truncate(inner);
                }
            }
            self.step()?;
        }
        self.variables.truncate(outer);
        Ok(())
    }

    /// Counts what is done, so that it ends.
    fn step(&mut self) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.output.len() > OUTPUT_BYTES_MAX {
            return Err(TemplateError::at(1, "this template writes without end, or nearly"));
        }
        Ok(())
    }

    fn block(
        &mut self,
        kind: Block,
        question: &Pipeline,
        then: &[Part<'_>],
        otherwise: &[Part<'_>],
        dot: &Value,
    ) -> Result<(), TemplateError> {
        let value = self.pipeline(question, dot)?;
        if kind == Block::Range {
            return self.range(question, value, then, otherwise, dot);
        }
        self.give(question, std::slice::from_ref(&value))?;
        match (value.is_true(), kind) {
            (true, Block::With) => self.parts(then, &value),
            (true, _) => self.parts(then, dot),
            (false, _) => self.parts(otherwise, dot),
        }
    }

    /// Over the inputs, in the order of their names; nothing else here has parts.
    fn range(
        &mut self,
        question: &Pipeline,
        value: Value,
        then: &[Part<'_>],
        otherwise: &[Part<'_>],
        dot: &Value,
    ) -> Result<(), TemplateError> {
        if value != Value::Inputs {
            return Err(TemplateError::at(
                question.line,
                format!("range goes over the inputs (.), not over {}", value.kind()),
            ));
        }
        if self.inputs.is_empty() {
            return self.parts(otherwise, dot);
        }
        let inner = self.variables.len();
        for (name, input) in self.inputs {
            let (key, value) = (Value::Text(name.clone()), Value::Text(input.clone()));
            match question.variables.len() {
                2 => self.give(question, &[key, value.clone()])?,
                _ => self.give(question, std::slice::from_ref(&value))?,
            };
            self.parts(then, &value)?;
            self.variables.truncate(inner);
            self.step()?;
        }
        Ok(())
    }

    /// Gives values to a pipeline's variables; whether it has any.
    fn give(&mut self, pipeline: &Pipeline, values: &[Value]) -> Result<bool, TemplateError> {
        for (name, value) in pipeline.variables.iter().zip(values) {
            if pipeline.declares {
                self.variables.push((name.clone(), value.clone()));
                continue;
            }
            match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                Some((_, old)) => *old = value.clone(),
                None => {
                    return Err(TemplateError::at(
                        pipeline.line,
                        format!("no variable ${name}; declare it with :="),
                    ));
                }
            }
        }
        Ok(!pipeline.variables.is_empty())
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let mut last: Option<Value> = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, last, pipeline.line, dot)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(
        &self,
        command: &[Operand],
        last: Option<Value>,
        line: usize,
        dot: &Value,
    ) -> Result<Value, TemplateError> {
        let Some((first, rest)) = command.split_first() else {
            return Err(TemplateError::at(line, "a value is missing here"));
        };
        if let Operand::Function(name) = first {
            let mut arguments = Vec::with_capacity(rest.len() + 1);
            for operand in rest {
                arguments.push(self.operand(operand, line, dot)?);
            }
            arguments.extend(last);
            return functions::call(name, arguments, self.inputs, line);
        }
        if !rest.is_empty() || last.is_some() {
            return Err(TemplateError::at(
                line,
                "only a function can be given values; begin with one, such as subst or js",
            ));
        }
        self.operand(first, line, dot)
    }

    fn operand(&self, operand: &Operand, line: usize, dot: &Value) -> Result<Value, TemplateError> {
        match operand {
            Operand::Function(name) => functions::call(name, Vec::new(), self.inputs, line),
            Operand::Fields(names) => self.fields(dot.clone(), names, line),
            Operand::Variable(name, names) => {
                match self.variables.iter().rev().find(|(known, _)| known == name) {
                    Some((_, value)) => self.fields(value.clone(), names, line),
                    None => Err(TemplateError::at(line, format!("no variable ${name}; declare it with :="))),
                }
            }
            Operand::Text(text) => Ok(Value::Text(text.clone())),
            Operand::Int(value) => Ok(Value::Int(*value)),
            Operand::Float(value) => Ok(Value::Float(*value)),
            Operand::Bool(value) => Ok(Value::Bool(*value)),
            Operand::Nil => Ok(Value::Nil),
            Operand::Group(pipeline) => self.pipeline(pipeline, dot),
        }
    }

    fn fields(&self, mut value: Value, names: &[String], line: usize) -> Result<Value, TemplateError> {
        for name in names {
            if value != Value::Inputs {
                return Err(TemplateError::at(line, format!("{} has no field '{name}'", value.kind())));
            }
            value = functions::input(self.inputs, name);
        }
        Ok(value)
    }
}
