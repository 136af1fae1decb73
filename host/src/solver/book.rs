//! The offers a solver has at hand, in the journal, so that a restart forgets none.

use super::matching::{JobEntry, ResourceEntry};
use crate::{
    chain::{
        Address, B256,
        LilypadMarket::{JobOffer, ResourceOffer},
        Signature, offer_id,
    },
    container::Gpu,
    journal::{Journal, JournalError},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Most open offers of each kind; more are refused until some are matched or expire.
pub const OFFERS_MAX: usize = 10_000;

/// A job offer with its creator's signature; empty for an offer that a contract posted on chain.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedJobOffer {
    /// The offer.
    pub offer: JobOffer,
    /// EIP-712 signature.
    pub signature: Signature,
}

/// A resource offer with its provider's signature.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedResourceOffer {
    /// The offer.
    pub offer: ResourceOffer,
    /// EIP-712 signature.
    pub signature: Signature,
    /// The GPUs by name, for people to choose by; what counts is the number and the memory in the offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpu>,
}

/// A machine that a solver has on offer, as it shows it to anybody.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct MachineOnOffer {
    /// The provider's offer.
    pub offer: ResourceOffer,
    /// Its GPUs by name: the provider's word.
    #[serde(default)]
    pub gpus: Vec<Gpu>,
    /// Deals that the offer is still good for.
    pub slots_left: u32,
}

/// What became of a job offer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for a machine; why the nearest one doesn't fit, when there is one.
    Open {
        /// Why not yet.
        waiting_for: Option<String>,
    },
    /// Matched on chain.
    Matched {
        /// The deals: one, or one for each replica.
        deals: Vec<B256>,
    },
    /// The contract refuses it, or it expired; it will not be tried again.
    Rejected {
        /// Why.
        reason: String,
    },
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct JobRecord {
    signed: SignedJobOffer,
    status: JobStatus,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct ResourceRecord {
    signed: SignedResourceOffer,
    order: u64,
    slots_used: u32,
}

#[derive(Debug, Default)]
struct Offers {
    jobs: BTreeMap<B256, JobRecord>,
    resources: BTreeMap<B256, ResourceRecord>,
    order: u64,
}

/// The solver's offers.
#[derive(Debug)]
pub struct Book {
    journal: Journal,
    offers: Mutex<Offers>,
}

/// Why an offer was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Too many.
    #[error(
        "this solver holds {OFFERS_MAX} open offers and takes no more; try again later or use another solver"
    )]
    Full,
    /// The journal failed.
    #[error("the offer could not be kept")]
    Journal(#[from] JournalError),
}

const JOBS: &str = "job_offer";
const RESOURCES: &str = "resource_offer";

impl Book {
    /// Reads back the offers of an earlier run.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn open(journal: Journal) -> Result<Self, BookError> {
        let mut offers = Offers::default();
        for (_, record) in journal.open_records::<JobRecord>(JOBS)? {
            offers.jobs.insert(offer_id(&record.signed.offer), record);
        }
        for (_, record) in journal.open_records::<ResourceRecord>(RESOURCES)? {
            offers.order = offers.order.max(record.order + 1);
            offers.resources.insert(offer_id(&record.signed.offer), record);
        }
        Ok(Self { journal, offers: Mutex::new(offers) })
    }

    fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a job offer in; the same one again changes nothing.
    ///
    /// # Errors
    /// When the book is full or can't be written.
    pub fn add_job(&self, signed: SignedJobOffer) -> Result<B256, BookError> {
        let id = offer_id(&signed.offer);
        let mut offers = self.offers();
        if offers.jobs.contains_key(&id) || self.journal.get::<JobRecord>(JOBS, &id.to_string())?.is_some() {
            return Ok(id);
        }
        if offers.jobs.len() >= OFFERS_MAX {
            return Err(BookError::Full);
        }
        let record = JobRecord { signed, status: JobStatus::Open { waiting_for: None } };
        self.journal.put(JOBS, &id.to_string(), &record)?;
        offers.jobs.insert(id, record);
        Ok(id)
    }

    /// Takes a resource offer in; the same one again changes nothing, a later one of the same provider for
    /// the same kind of work replaces those before it.
    ///
    /// # Errors
    /// When the book is full or can't be written.
    pub fn add_resource(&self, signed: SignedResourceOffer) -> Result<B256, BookError> {
        let id = offer_id(&signed.offer);
        let mut offers = self.offers();
        if offers.resources.contains_key(&id) {
            return Ok(id);
        }
        if offers.resources.len() >= OFFERS_MAX {
            return Err(BookError::Full);
        }
        // A provider has one offer for each kind of work.
        let kind = |offer: &ResourceOffer| (offer.provider, offer.profile, offer.meter);
        let (wanted, nonce) = (kind(&signed.offer), signed.offer.nonce);
        let of_kind = |record: &ResourceRecord| kind(&record.signed.offer) == wanted;
        if offers.resources.values().any(|record| of_kind(record) && record.signed.offer.nonce > nonce) {
            return Ok(id);
        }
        let old: Vec<B256> =
            offers.resources.iter().filter(|(_, record)| of_kind(record)).map(|(id, _)| *id).collect();
        for old in old {
            self.journal.close(RESOURCES, &old.to_string())?;
            offers.resources.remove(&old);
        }
        let record = ResourceRecord { signed, order: offers.order, slots_used: 0 };
        offers.order += 1;
        self.journal.put(RESOURCES, &id.to_string(), &record)?;
        offers.resources.insert(id, record);
        Ok(id)
    }

    /// Jobs that wait for a match.
    #[must_use]
    pub fn open_jobs(&self) -> Vec<(JobEntry, Signature)> {
        let offers = self.offers();
        offers
            .jobs
            .iter()
            .map(|(id, record)| {
                (JobEntry { id: *id, offer: record.signed.offer.clone() }, record.signed.signature.clone())
            })
            .collect()
    }

    /// Machines on offer.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceEntry> {
        let offers = self.offers();
        offers
            .resources
            .iter()
            .map(|(id, record)| ResourceEntry {
                id: *id,
                slots_left: record.signed.offer.slots.saturating_sub(record.slots_used),
                offer: record.signed.offer.clone(),
                order: record.order,
            })
            .collect()
    }

    /// The machines as people choose between them, the cheapest of a kind first.
    #[must_use]
    pub fn machines(&self) -> Vec<MachineOnOffer> {
        let offers = self.offers();
        let mut machines: Vec<MachineOnOffer> = offers
            .resources
            .values()
            .map(|record| MachineOnOffer {
                offer: record.signed.offer.clone(),
                gpus: record.signed.gpus.clone(),
                slots_left: record.signed.offer.slots.saturating_sub(record.slots_used),
            })
            .collect();
        let kind = |machine: &MachineOnOffer| (machine.offer.meter, machine.offer.pricePerGigafuel);
        machines.sort_by_key(kind);
        machines
    }

    /// The signature of a machine on offer.
    #[must_use]
    pub fn resource_signature(&self, id: B256) -> Option<Signature> {
        self.offers().resources.get(&id).map(|record| record.signed.signature.clone())
    }

    /// What became of a job offer; `None` when this solver never had it.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn job_status(&self, id: B256) -> Result<Option<JobStatus>, BookError> {
        if let Some(record) = self.offers().jobs.get(&id) {
            return Ok(Some(record.status.clone()));
        }
        Ok(self.journal.get::<JobRecord>(JOBS, &id.to_string())?.map(|record| record.status))
    }

    /// Records what became of a job offer; a matched or rejected one is not tried again.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn set_job_status(&self, id: B256, status: JobStatus) -> Result<(), BookError> {
        let mut offers = self.offers();
        let Some(record) = offers.jobs.get_mut(&id) else { return Ok(()) };
        if record.status == status {
            return Ok(());
        }
        record.status = status;
        let ended = !matches!(record.status, JobStatus::Open { .. });
        self.journal.put(JOBS, &id.to_string(), &record)?;
        if ended {
            self.journal.close(JOBS, &id.to_string())?;
            offers.jobs.remove(&id);
        }
        Ok(())
    }

    /// Counts a slot of a machine as used.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn use_slot(&self, id: B256) -> Result<(), BookError> {
        let mut offers = self.offers();
        if let Some(record) = offers.resources.get_mut(&id) {
            record.slots_used = record.slots_used.saturating_add(1);
            self.journal.put(RESOURCES, &id.to_string(), record)?;
        }
        Ok(())
    }

    /// Takes the machines of a provider out.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn drop_provider(&self, provider: Address) -> Result<(), BookError> {
        for resource in self.resources().into_iter().filter(|entry| entry.offer.provider == provider) {
            self.drop_resource(resource.id)?;
        }
        Ok(())
    }

    /// Takes a machine out: its offer expired, was cancelled, or its provider can't pay the deposit.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn drop_resource(&self, id: B256) -> Result<(), BookError> {
        self.offers().resources.remove(&id);
        Ok(self.journal.close(RESOURCES, &id.to_string())?)
    }
}
