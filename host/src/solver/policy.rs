//! What a party of its own free will takes part in, beyond what the contract demands: pure checks on offers and terms.
//!
//! The contract lets a creator write terms that make a deal worthless or dangerous for the others: windows too short
//! to answer in, or so long that a collateral is locked for months, fees of nothing. Each party looks before it leaps.

use crate::chain::LilypadMarket::{DealTerms, JobOffer};

/// Longest gateway address that a solver pays to put on chain.
const GATEWAY_BYTES_MAX: usize = 256;

/// The bounds of one party.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Least fee for the solver, base units.
    pub solver_fee_min: u128,
    /// Least fee for each mediator, base units: a panel that earns nothing has no reason to answer.
    pub mediator_fee_min: u128,
    /// Least seconds for mediators to commit, and again to reveal.
    pub mediation_window_min: u32,
    /// Most seconds that judging may lock everybody's money.
    pub judge_window_max: u32,
    /// Most gas for a callback, which the provider pays for.
    pub callback_gas_max: u32,
    /// Fuel that any machine surely gets through in a second.
    pub fuel_per_second: u64,
}

impl Default for Policy {
    /// Fees of 0.01 tokens, a minute to mediate, a week to judge, two million gas, a gigafuel a second.
    fn default() -> Self {
        Self {
            solver_fee_min: crate::report::TOKEN / 100,
            mediator_fee_min: crate::report::TOKEN / 100,
            mediation_window_min: 60,
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
            return Err(format!("the solver's fee is below {}", crate::report::tokens(self.solver_fee_min)));
        }
        if offer.gateway.len() > GATEWAY_BYTES_MAX {
            return Err(format!("the gateway's address has more than {GATEWAY_BYTES_MAX} bytes"));
        }
        self.check(
            offer.mediatorFee,
            offer.mediationWindow,
            offer.judgeWindow,
            offer.callbackGas,
            offer.fuelLimit,
        )
    }

    /// Whether a provider or a mediator works on these terms.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check_terms(&self, terms: &DealTerms) -> Result<(), String> {
        self.check(
            terms.mediatorFee,
            terms.mediationWindow,
            terms.judgeWindow,
            terms.callbackGas,
            terms.fuelLimit,
        )
    }

    fn check(
        &self,
        mediator_fee: u128,
        mediation_window: u32,
        judge_window: u32,
        callback_gas: u32,
        fuel_limit: u64,
    ) -> Result<(), String> {
        if mediator_fee < self.mediator_fee_min {
            return Err(format!(
                "the mediators' fee is below {}",
                crate::report::tokens(self.mediator_fee_min)
            ));
        }
        // Mediators run the whole job between the challenge and the end of this window.
        let needed = u64::from(self.mediation_window_min).max(fuel_limit / self.fuel_per_second.max(1));
        if u64::from(mediation_window) < needed {
            return Err(format!(
                "{mediation_window} s to mediate are too few for this job, at least {needed} s"
            ));
        }
        if judge_window > self.judge_window_max {
            return Err(format!(
                "{judge_window} s to judge are too many, at most {} s",
                self.judge_window_max
            ));
        }
        if callback_gas > self.callback_gas_max {
            return Err(format!(
                "{callback_gas} gas for a callback are too many, at most {}",
                self.callback_gas_max
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> DealTerms {
        DealTerms {
            mediatorFee: crate::report::TOKEN / 10,
            mediationWindow: 300,
            judgeWindow: 600,
            fuelLimit: 100_000_000_000,
            ..DealTerms::default()
        }
    }

    #[test]
    fn terms_that_rob_the_others_are_refused() {
        let policy = Policy::default();
        policy.check_terms(&terms()).unwrap();
        let bad = |change: &dyn Fn(&mut DealTerms)| {
            let mut terms = terms();
            change(&mut terms);
            policy.check_terms(&terms).unwrap_err()
        };
        assert!(bad(&|t| t.mediationWindow = 1).contains("to mediate"));
        assert!(bad(&|t| t.mediationWindow = 99).contains("100 s"), "the job's fuel decides");
        assert!(bad(&|t| t.mediatorFee = 0).contains("fee"));
        assert!(bad(&|t| t.judgeWindow = 30 * 24 * 3600).contains("to judge"));
        assert!(bad(&|t| t.callbackGas = u32::MAX).contains("callback"));
    }

    #[test]
    fn a_solver_wants_its_fee_and_short_addresses() {
        let policy = Policy::default();
        let offer = JobOffer {
            solverFee: policy.solver_fee_min,
            mediatorFee: policy.mediator_fee_min,
            mediationWindow: 60,
            judgeWindow: 600,
            ..JobOffer::default()
        };
        policy.check_offer(&offer).unwrap();
        assert!(policy.check_offer(&JobOffer { solverFee: 0, ..offer.clone() }).is_err());
        assert!(policy.check_offer(&JobOffer { gateway: "x".repeat(257), ..offer }).is_err());
    }
}
