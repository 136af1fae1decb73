//! A job's story on stderr as it happens, with the seconds each stage took; and the table at the end.

use super::output;
use crate::{
    chain::{Address, Chain, MatchedDeal, Meter, StageGas},
    deal::{CreatorAction, Judgement, Purpose, Settlement},
    devnet::Devnet,
    report::{count, tokens, unit, work},
    roles::creator::{Ending, Progress},
};
use lilypad_abi::{Receipt, TrapKind};
use std::{collections::BTreeMap, sync::Mutex, sync::PoisonError, time::Instant};

/// Tells a job's story.
#[derive(Debug)]
pub(super) struct Story {
    started: Instant,
    names: BTreeMap<Address, String>,
    stages: Mutex<Vec<(String, f64)>>,
    /// Whose deal a line is about, where there are several.
    about: String,
    /// What the deal that was told of last counts.
    meter: Mutex<Meter>,
    /// The newest trouble, told once however often it repeats.
    trouble: Mutex<Option<String>>,
}

impl Story {
    pub(super) fn new(chain: &Chain) -> Self {
        let names = Devnet::names(chain.network()).unwrap_or_default();
        let (stages, trouble, meter) = (Mutex::default(), Mutex::default(), Mutex::new(Meter::Fuel));
        Self { started: Instant::now(), names, stages, about: String::new(), meter, trouble }
    }

    /// The same story as far as it concerns one deal of several.
    pub(super) fn about(&self, deal: &MatchedDeal) -> Self {
        Self {
            started: self.started,
            names: self.names.clone(),
            stages: Mutex::new(self.stages.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            about: format!("{}: ", self.name(deal.terms.provider)),
            meter: Mutex::new(deal.rules.meter),
            trouble: Mutex::default(),
        }
    }

    /// A party's name on the devnet, its address elsewhere.
    pub(super) fn name(&self, party: Address) -> String {
        self.names.get(&party).cloned().unwrap_or_else(|| party.to_string())
    }

    fn meter(&self) -> Meter {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        output::note(&format!("{seconds:7.2} s  {}{text}", self.about));
    }

    /// Notes that a stage ended now.
    pub(super) fn stage(&self, name: &str) {
        let at = self.started.elapsed().as_secs_f64();
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), at));
    }

    /// Seconds of each stage that was noted.
    pub(super) fn stages(&self) -> Vec<(String, f64)> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = 0.0;
        stages
            .iter()
            .map(|(name, at)| {
                let took = at - before;
                before = *at;
                (name.clone(), took)
            })
            .collect()
    }

    pub(super) fn tell(&self, progress: Progress) {
        match progress {
            Progress::Deposited(sent) => self.say(&format!("deposited ({} gas)", count(sent.gas_used))),
            Progress::Offered { id } => self.say(&format!("offer {id} is with the solver")),
            Progress::Waiting { reason } => self.say(&format!("waiting for a machine: {reason}")),
            Progress::Matched(deal) => {
                self.stage("match");
                *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = deal.rules.meter;
                self.say(&format!(
                    "deal {} with {} at {} per {}",
                    deal.id,
                    self.name(deal.terms.provider),
                    tokens(deal.terms.pricePerGigafuel),
                    unit(deal.rules.meter)
                ));
            }
            Progress::Committed => self.say("committed to a result"),
            Progress::Submitted(receipt) => {
                self.stage("execute and submit");
                self.say(&format!("result on chain: {}", describe(&receipt, self.meter())));
            }
            Progress::Checking => self.say("checking it by running the job here"),
            Progress::Checked { judgement, own, run_time } => {
                self.stage("check");
                let found = match judgement {
                    Judgement::Good | Judgement::Trusted => "the same result".to_owned(),
                    Judgement::Bad => match own {
                        Some(own) => format!("ANOTHER result: {}", describe(&own, self.meter())),
                        None => "another result".to_owned(),
                    },
                    Judgement::Varies => {
                        "the job gives another result each time: it is at fault, and the provider's is taken"
                            .to_owned()
                    }
                };
                self.say(&format!("ran in {:.2} s here: {found}", run_time.as_secs_f64()));
            }
            Progress::Sent(action, sent) => {
                let what = match action {
                    CreatorAction::Accept => "accepted",
                    CreatorAction::Challenge => "challenged",
                    CreatorAction::Audit => "audit started",
                    CreatorAction::Finalize => "finalized",
                    CreatorAction::TimeOut => "timed out",
                    CreatorAction::Conclude => "mediation concluded",
                    CreatorAction::FixSeed => "seed fixed",
                    CreatorAction::Check | CreatorAction::Done => "done",
                };
                self.say(&format!("{what} ({} gas)", count(sent.gas_used)));
            }
            Progress::Mediation(mediators) => {
                let names: Vec<String> = mediators.into_iter().map(|party| self.name(party)).collect();
                self.say(&format!("mediators drawn: {}", names.join(", ")));
            }
            Progress::Mediators { committed, revealed } => {
                self.say(&format!("mediators: {committed} committed, {revealed} revealed"));
            }
            Progress::Settled(how) => {
                self.stage("settle");
                self.say(&format!("settled: {}", settlement_name(how)));
            }
            Progress::Retry(reason) => {
                let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                if trouble.as_ref() != Some(&reason) {
                    self.say(&format!("trying again: {reason}"));
                    *trouble = Some(reason);
                }
            }
        }
    }

    /// Who paid whom, and what it cost: for people.
    pub(super) async fn tables(&self, chain: &Chain, ending: &Ending) -> anyhow::Result<String> {
        let deal = &ending.deal;
        let money = self.money_table(chain, deal).await?;
        let gas = chain.deal_gas(deal.id).await?;
        let measured = self.measured_table(ending, &gas);
        Ok(format!("\nWho paid whom\n{money}\n\nMeasured\n{measured}"))
    }

    pub(super) async fn money_table(&self, chain: &Chain, deal: &MatchedDeal) -> anyhow::Result<String> {
        let rows: Vec<Vec<String>> = chain
            .payments(deal)
            .await?
            .into_iter()
            .map(|payment| {
                let what = purpose(payment.purpose).to_owned();
                vec![self.name(payment.from), self.name(payment.to), tokens(payment.amount), what]
            })
            .collect();
        Ok(output::table(&["from", "to", " amount", "for"], &rows))
    }

    fn measured_table(&self, ending: &Ending, gas: &[StageGas]) -> String {
        let mut rows = Vec::new();
        let meter = ending.deal.rules.meter;
        if let Some(receipt) = &ending.receipt {
            let row = match meter {
                Meter::Fuel => ["fuel used".to_owned(), count(receipt.fuel_used), String::new()],
                _ => ["time used".to_owned(), work(meter, receipt.fuel_used), String::new()],
            };
            rows.push(row.to_vec());
        }
        if let Some(outputs) = &ending.outputs {
            rows.push(vec![
                "output".to_owned(),
                format!("{} bytes", count(outputs.bytes())),
                format!("{} files", outputs.files()),
            ]);
        }
        for stage in gas {
            rows.push(vec![format!("gas: {}", stage.stage), count(stage.gas_used), self.name(stage.by)]);
        }
        rows.push(vec![
            "gas: all".to_owned(),
            count(gas.iter().map(|stage| stage.gas_used).sum()),
            String::new(),
        ]);
        for (name, seconds) in self.stages() {
            rows.push(vec![format!("time: {name}"), format!("{seconds:.2} s"), String::new()]);
        }
        output::table(&["what", " how much", "by"], &rows)
    }
}

const fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Fuel => "fuel",
        Purpose::SolverFee => "solver's fee",
        Purpose::MediatorFee => "mediator's fee",
        Purpose::AvailabilityFee => "panel's availability",
        Purpose::DepositBack => "unused deposit back",
        Purpose::Compensation => "compensation",
        Purpose::Penalty => "burned",
    }
}

pub(super) fn settlement_name(how: Settlement) -> &'static str {
    use Settlement as S;
    match how {
        S::None => "not yet",
        S::Accepted => "accepted by the creator",
        S::Finalized => "finalized, nobody objected",
        S::Agreed => "all replicas have the same result",
        S::ProviderUpheld => "mediators found the provider's result; the challenge was wrong",
        S::AuditPassed => "audited: mediators found the provider's result",
        S::JobVaried => "mediators found that the job's runs differ: the creator pays",
        S::ProviderSlashed => "mediators found another result: the provider is slashed",
        S::Inconclusive => "mediators found no common result",
        S::SubmissionTimedOut => "the provider posted nothing in time",
        S::Declined => "declined by the provider",
    }
}

/// A receipt in words.
pub(super) fn describe(receipt: &Receipt, meter: Meter) -> String {
    let kinds = [
        TrapKind::Unreachable,
        TrapKind::MemoryOutOfBounds,
        TrapKind::TableOutOfBounds,
        TrapKind::IndirectCallToNull,
        TrapKind::BadSignature,
        TrapKind::IntegerOverflow,
        TrapKind::IntegerDivisionByZero,
        TrapKind::BadConversionToInteger,
        TrapKind::StackExhausted,
        TrapKind::HostCall,
    ];
    let how = match receipt.status {
        0 => format!("exited with {}", receipt.exit_code),
        1 => {
            let kind = kinds.into_iter().find(|kind| *kind as u8 == receipt.trap_kind);
            kind.map_or_else(|| "trapped".to_owned(), |kind| format!("trapped ({kind:?})"))
        }
        2 if meter == Meter::Fuel => "out of fuel".to_owned(),
        2 => "out of time".to_owned(),
        _ => "module refused".to_owned(),
    };
    format!("{how}, {}, outputs {}", work(meter, receipt.fuel_used), receipt.outputs_digest.short())
}
