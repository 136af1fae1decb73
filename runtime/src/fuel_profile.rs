//! Where the fuel of a run went: which function used it, and who had called that.
//!
//! For authors of modules. It says the same on every machine, and is no part of an Outcome.

use std::{collections::BTreeMap, fmt::Write as _};
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// Most places in the tree of calls that are told apart; what is called beyond counts for its caller.
const PLACES_MAX: usize = 200_000;

/// Deepest place that is told apart: what is called from deeper counts for its caller, so that a tree is quickly read.
const DEPTH_MAX: usize = 1_000;

/// A function's share.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FunctionFuel {
    /// Its name as the module gives it, or `function N`. What host functions take counts for who called them.
    pub name: String,
    /// How often it was called.
    pub calls: u64,
    /// Fuel that it used itself.
    pub own: u64,
    /// Fuel that it and all it called used.
    pub total: u64,
}

/// One function at one place in the tree of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Place {
    parent: usize,
    function: usize,
    calls: u64,
    own: u64,
}

/// Where the fuel of a run went.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FuelProfile {
    /// Names of functions; places refer to them.
    names: Vec<String>,
    /// The first is the run itself; parents stand before their children.
    places: Vec<Place>,
}

impl FuelProfile {
    /// With the names that the module gives its functions; without, they are numbers.
    #[must_use]
    pub fn named(self, wasm: &[u8]) -> Self {
        let count = self.places.iter().map(|place| place.function + 1).max().unwrap_or(0);
        Self { names: function_names(wasm, count), ..self }
    }

    /// Functions by the fuel that they used themselves, most first.
    #[must_use]
    pub fn by_function(&self) -> Vec<FunctionFuel> {
        let mut totals: Vec<u64> = self.places.iter().map(|place| place.own).collect();
        for index in (1..self.places.len()).rev() {
            totals[self.places[index].parent] += totals[index];
        }
        let mut rows: BTreeMap<usize, FunctionFuel> = BTreeMap::new();
        for (index, place) in self.places.iter().enumerate().skip(1) {
            let row = rows.entry(place.function).or_insert_with(|| FunctionFuel {
                name: self.name(place.function),
                calls: 0,
                own: 0,
                total: 0,
            });
            row.calls += place.calls;
            row.own += place.own;
            // A function that calls itself is counted once, where it was called from outside.
            if !self.callers(index).any(|caller| caller.function == place.function) {
                row.total += totals[index];
            }
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by(|a, b| b.own.cmp(&a.own).then_with(|| a.name.cmp(&b.name)));
        rows
    }

    /// One line for each place in the tree of calls, `main;parse;read 123`: the input of flame graph programs.
    #[must_use]
    pub fn folded(&self) -> String {
        let mut text = String::new();
        for (index, place) in self.places.iter().enumerate().skip(1).filter(|(_, place)| place.own > 0) {
            let mut path: Vec<String> =
                self.callers(index).map(|caller| self.name(caller.function).replace(';', ":")).collect();
            path.reverse();
            path.push(self.name(place.function).replace(';', ":"));
            // Writing to a string doesn't fail.
            let _ = writeln!(text, "{} {}", path.join(";"), place.own);
        }
        text
    }

    /// Whether it is one that a run can give, and can be read safely: it may come from a stranger's process.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let depths = self.places.iter().enumerate().try_fold(Vec::new(), |mut depths, (index, place)| {
            let above = if index == 0 { 0 } else { *depths.get(place.parent)? };
            depths.push(above + 1);
            (above <= DEPTH_MAX).then_some(depths)
        });
        let total = self.places.iter().try_fold(0_u64, |sum, place| sum.checked_add(place.own));
        depths.is_some() && total.is_some() && self.places.len() <= PLACES_MAX
    }

    /// All fuel in it.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.places.iter().map(|place| place.own).sum()
    }

    fn name(&self, function: usize) -> String {
        self.names.get(function).cloned().unwrap_or_else(|| format!("function {function}"))
    }

    /// Who called, from the nearest on.
    fn callers(&self, place: usize) -> impl Iterator<Item = &Place> {
        let mut at = place;
        std::iter::from_fn(move || {
            at = self.places[at].parent;
            (at != 0).then(|| &self.places[at])
        })
    }
}

/// Takes down a run as it goes.
#[derive(Debug)]
pub(crate) struct Recorder {
    profile: FuelProfile,
    children: BTreeMap<(usize, usize), usize>,
    /// The places that are open, the run itself first; several times the same where no place could be added.
    stack: Vec<usize>,
    /// Fuel left when something was last taken down.
    left: u64,
}

impl Recorder {
    /// Before the first function is entered.
    pub(crate) fn new(fuel_limit: u64) -> Self {
        let profile = FuelProfile { names: Vec::new(), places: vec![Place::default()] };
        Self { profile, children: BTreeMap::new(), stack: vec![0], left: fuel_limit }
    }

    /// A function is entered with this fuel left.
    pub(crate) fn enter(&mut self, function: usize, left: u64) {
        self.spend(left);
        let parent = self.stack.last().copied().unwrap_or(0);
        let places = &mut self.profile.places;
        let place = match self.children.get(&(parent, function)) {
            Some(place) => *place,
            None if places.len() >= PLACES_MAX || self.stack.len() > DEPTH_MAX => parent,
            None => {
                places.push(Place { parent, function, calls: 0, own: 0 });
                self.children.insert((parent, function), places.len() - 1);
                places.len() - 1
            }
        };
        places[place].calls += u64::from(place != parent);
        self.stack.push(place);
    }

    /// The function entered last is left.
    pub(crate) fn leave(&mut self, left: u64) {
        self.spend(left);
        if self.stack.len() > 1 {
            self.stack.pop();
        }
    }

    /// The run has ended, and used this much in all.
    pub(crate) fn finish(mut self, left: u64) -> FuelProfile {
        self.spend(left);
        self.profile
    }

    fn spend(&mut self, left: u64) {
        let place = self.stack.last().copied().unwrap_or(0);
        self.profile.places[place].own += self.left.saturating_sub(left);
        self.left = left;
    }
}

/// Names for `count` functions of a module: those of its name section, or their numbers.
fn function_names(wasm: &[u8], count: usize) -> Vec<String> {
    let mut names: Vec<String> = (0..count).map(|index| format!("function {index}")).collect();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Name(subsections) = section.as_known() else { continue };
        for subsection in subsections.into_iter().map_while(Result::ok) {
            let Name::Function(map) = subsection else { continue };
            for naming in map.into_iter().map_while(Result::ok) {
                let place = usize::try_from(naming.index).ok().and_then(|index| names.get_mut(index));
                if let Some(place) = place {
                    naming.name.clone_into(place);
                }
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_goes_to_who_used_it() {
        let mut recorder = Recorder::new(100);
        recorder.enter(0, 100);
        recorder.enter(1, 95);
        recorder.enter(1, 90);
        recorder.leave(80);
        recorder.leave(75);
        recorder.enter(2, 70);
        // It trapped there.
        let names = ["main", "fib", "print"].map(str::to_owned).to_vec();
        let profile = FuelProfile { names, ..recorder.finish(60) };
        assert_eq!(profile.fuel(), 40);
        assert_eq!(profile.folded(), "main 10\nmain;fib 10\nmain;fib;fib 10\nmain;print 10\n");
        let row = |name: &str, calls, own, total| FunctionFuel { name: name.to_owned(), calls, own, total };
        assert_eq!(
            profile.by_function(),
            [row("fib", 2, 20, 20), row("main", 1, 10, 40), row("print", 1, 10, 10)]
        );
    }

    #[test]
    fn a_deep_run_stays_bounded() {
        let mut recorder = Recorder::new(1_000_000);
        for depth in 0..300_000 {
            recorder.enter(0, 1_000_000 - depth);
        }
        for depth in 0..300_000 {
            recorder.leave(700_000 - depth);
        }
        let profile = recorder.finish(400_000);
        assert_eq!(profile.fuel(), 600_000);
        assert_eq!(profile.places.len(), DEPTH_MAX + 1);
    }
}
