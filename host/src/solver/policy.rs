//! What a party of its own free will takes part in, beyond what the contract demands: pure checks on offers and terms.
//!
//! The contract lets a creator write terms that make a deal worthless or dangerous for the others: windows too short
//! to answer in, or so long that a deposit is locked for months, fees of nothing. Each party looks before it leaps.
//! A provider's resource offer carries those of its bounds that the contract knows, and there it holds them itself.

use crate::{
    chain::{
        LilypadMarket::{DealTerms, JobOffer},
        Meter, Rules, Verification,
    },
    report::{TOKEN, tokens},
};

/// Longest gateway address that a solver pays to put on chain.
const GATEWAY_BYTES_MAX: usize = 256;

/// Most replicas of one job, as the contract has it.
const REPLICAS_MAX: u8 = 7;

/// The bounds of one party.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Least fee for the solver, base units.
    pub solver_fee_min: u128,
    /// Least fee for each mediator, base units: a panel that earns nothing has no reason to answer.
    pub mediator_fee_min: u128,
    /// Most that each side pays to the panel for being there: a panel in league with a creator could eat the pay.
    pub availability_fee_max: u128,
    /// Least seconds for mediators to commit, and again to reveal.
    pub mediation_window_min: u32,
    /// Most seconds for that: twice as many lock everybody's money.
    pub mediation_window_max: u32,
    /// Most seconds that judging may lock everybody's money.
    pub judge_window_max: u32,
    /// Most gas for a callback, which the provider pays for.
    pub callback_gas_max: u32,
    /// Fuel that any machine surely gets through in a second.
    pub fuel_per_second: u64,
}

impl Default for Policy {
    /// Fees of at least 0.01 tokens, and no more than that for a panel's being there; a minute to a week to mediate,
    /// a week to judge, two million gas, a gigafuel a second.
    fn default() -> Self {
        Self {
            solver_fee_min: TOKEN / 100,
            mediator_fee_min: TOKEN / 100,
            availability_fee_max: TOKEN / 100,
            mediation_window_min: 60,
            mediation_window_max: 7 * 24 * 3600,
            judge_window_max: 7 * 24 * 3600,
            callback_gas_max: 2_000_000,
            fuel_per_second: 1_000_000_000,
        }
    }
}

impl Policy {
    /// Whether a solver takes this offer.
    ///
    /// # Errors
    /// What is wrong with it, for its creator.
    pub fn check_offer(&self, offer: &JobOffer) -> Result<(), String> {
        if offer.solverFee < self.solver_fee_min {
            return Err(format!("the solver's fee is below {}", tokens(self.solver_fee_min)));
        }
        if offer.gateway.len() > GATEWAY_BYTES_MAX {
            return Err(format!("the gateway's address has more than {GATEWAY_BYTES_MAX} bytes"));
        }
        if offer.replicas == 0 || offer.replicas > REPLICAS_MAX {
            return Err(format!("{} replicas are not 1 to {REPLICAS_MAX}", offer.replicas));
        }
        if offer.replicas > 1 && !offer.provider.is_zero() {
            return Err("an offer that names its provider can't have replicas, which are others'".to_owned());
        }
        let rules = Rules::of_offer(offer, 0).ok_or("no such verification or meter")?;
        self.check(offer.mediatorFee, offer.availabilityFee, offer.fuelLimit, &rules)
    }

    /// Whether a provider or a mediator works on these terms.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check_terms(&self, terms: &DealTerms) -> Result<(), String> {
        let rules = Rules::of(terms).ok_or("no such verification or meter")?;
        self.check(terms.mediatorFee, terms.availabilityFee, terms.fuelLimit, &rules)
    }

    fn check(
        &self,
        mediator_fee: u128,
        availability_fee: u128,
        fuel_limit: u64,
        rules: &Rules,
    ) -> Result<(), String> {
        // Modules count fuel and give every run the same receipt; containers count time and don't.
        if (rules.verification == Verification::BitExact) != (rules.meter == Meter::Fuel) {
            return Err(
                "jobs paid by fuel are verified bit by bit, and those paid by time repeated or unverified"
                    .to_owned(),
            );
        }
        let verified = rules.verification != Verification::Unverified;
        if verified && mediator_fee < self.mediator_fee_min {
            return Err(format!("the mediators' fee is below {}", tokens(self.mediator_fee_min)));
        }
        if availability_fee > self.availability_fee_max {
            return Err(format!(
                "the panel's fee for being there is above {}",
                tokens(self.availability_fee_max)
            ));
        }
        // Mediators run the whole job, as often as the deal says, between the challenge and the end of this window. Of
        // a container's time this is a lower bound: it is counted for each core.
        let runs = u64::from(rules.runs.max(1));
        let to_run = (fuel_limit / self.fuel_per_second.max(1)).saturating_mul(runs);
        let needed = match rules.meter {
            Meter::Fuel => to_run,
            Meter::CoreNanoseconds | Meter::GpuNanoseconds => 0,
        };
        let needed = needed.max(self.mediation_window_min.into());
        if verified && u64::from(rules.mediation_window) < needed {
            return Err(format!(
                "{} s to mediate are too few for this job, at least {needed} s",
                rules.mediation_window
            ));
        }
        if rules.mediation_window > self.mediation_window_max {
            return Err(format!(
                "{} s to mediate are too many, at most {} s",
                rules.mediation_window, self.mediation_window_max
            ));
        }
        if rules.judge_window > self.judge_window_max {
            return Err(format!(
                "{} s to judge are too many, at most {} s",
                rules.judge_window, self.judge_window_max
            ));
        }
        if rules.callback_gas > self.callback_gas_max {
            return Err(format!(
                "{} gas for a callback are too many, at most {}",
                rules.callback_gas, self.callback_gas_max
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Address, plain_job_offer};

    fn offer() -> JobOffer {
        JobOffer {
            solverFee: TOKEN / 100,
            mediatorFee: TOKEN / 10,
            mediationWindow: 300,
            judgeWindow: 600,
            fuelLimit: 100_000_000_000,
            ..plain_job_offer()
        }
    }

    fn terms(offer: &JobOffer) -> DealTerms {
        DealTerms {
            mediatorFee: offer.mediatorFee,
            availabilityFee: offer.availabilityFee,
            fuelLimit: offer.fuelLimit,
            rules: Rules::of_offer(offer, 0).unwrap().pack(),
            ..DealTerms::default()
        }
    }

    #[test]
    fn terms_that_rob_the_others_are_refused() {
        let policy = Policy::default();
        policy.check_terms(&terms(&offer())).unwrap();
        let bad = |change: &dyn Fn(&mut JobOffer)| {
            let mut offer = offer();
            change(&mut offer);
            let refusal = policy.check_offer(&offer).unwrap_err();
            assert_eq!(policy.check_terms(&terms(&offer)).unwrap_err(), refusal, "all look at the same");
            refusal
        };
        assert!(bad(&|o| o.mediationWindow = 1).contains("to mediate"));
        assert!(bad(&|o| o.mediationWindow = 99).contains("100 s"), "the job's fuel decides");
        assert!(bad(&|o| o.mediationWindow = 8 * 24 * 3600).contains("too many"));
        assert!(bad(&|o| o.mediatorFee = 0).contains("fee"));
        assert!(bad(&|o| o.availabilityFee = TOKEN).contains("being there"));
        assert!(bad(&|o| o.judgeWindow = 14 * 24 * 3600).contains("to judge"));
        assert!(bad(&|o| o.callbackGas = u32::MAX).contains("callback"));
        assert!(bad(&|o| o.verification = Verification::Unverified as u8).contains("bit by bit"));
        assert!(bad(&|o| o.meter = Meter::CoreNanoseconds as u8).contains("bit by bit"));
    }

    #[test]
    fn containers_are_repeated_or_unverified_and_the_latter_need_no_mediators() {
        let policy = Policy::default();
        let container = |verification| JobOffer {
            verification: verification as u8,
            meter: Meter::CoreNanoseconds as u8,
            runs: 2,
            ..offer()
        };
        policy.check_offer(&container(Verification::Repeated)).unwrap();
        policy.check_offer(&container(Verification::Unverified)).unwrap();
        let free = |verification| JobOffer { mediatorFee: 0, mediationWindow: 1, ..container(verification) };
        policy.check_offer(&free(Verification::Unverified)).unwrap();
        assert!(policy.check_offer(&free(Verification::Repeated)).is_err());
    }

    #[test]
    fn a_solver_wants_its_fee_short_addresses_and_replicas_that_can_be() {
        let policy = Policy::default();
        policy.check_offer(&offer()).unwrap();
        policy.check_offer(&JobOffer { replicas: 7, ..offer() }).unwrap();
        let refuses = |offer| policy.check_offer(&offer).is_err();
        assert!(refuses(JobOffer { solverFee: 0, ..offer() }));
        assert!(refuses(JobOffer { gateway: "x".repeat(257), ..offer() }));
        assert!(refuses(JobOffer { replicas: 0, ..offer() }));
        assert!(refuses(JobOffer { replicas: 8, ..offer() }));
        assert!(refuses(JobOffer { replicas: 2, provider: Address::repeat_byte(1), ..offer() }));
    }
}
