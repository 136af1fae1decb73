//! The jobs of a server: what each is and where it stands, in memory for whoever asks and in the journal for after a
//! crash. What is acted on was written before; nothing here runs a job.

use super::labels::Requirement;
use crate::journal::{Journal, JournalError};
use lilypad_bacalhau::model::{Execution, Job, JobHistory, JobStateType, State};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// Journal records of jobs as they were submitted.
const DOCUMENT: &str = "bacalhau-document";

/// Journal records of where jobs stand.
const LIFE: &str = "bacalhau-life";

/// Longest document that stays in memory; longer ones, with a module inline, are read when they are asked for.
const IN_MEMORY_BYTES_MAX: usize = 8 * 1024;

/// Letters of an id that name it, when no other begins with them.
const SHORT_ID: usize = 10;

/// Where a job stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) state: State<JobStateType>,
    pub(super) create_ns: i64,
    pub(super) modify_ns: i64,
    pub(super) revision: u64,
    pub(super) executions: Vec<Execution>,
    pub(super) history: Vec<JobHistory>,
    /// The result folder's address in the store.
    pub(super) outputs: Option<String>,
    /// What the results' address ends in; nobody can guess it.
    pub(super) results_key: String,
    /// What the submission said, to tell an equal one.
    pub(super) digest: String,
}

#[derive(Debug)]
struct Entry {
    life: Arc<Life>,
    document: Option<Arc<Job>>,
}

#[derive(Debug, Default)]
struct Index {
    by_id: BTreeMap<String, Entry>,
    /// Newest job of each namespace and name.
    by_name: BTreeMap<(String, String), String>,
    by_time: BTreeSet<(i64, String)>,
    by_key: BTreeMap<String, String>,
}

impl Index {
    fn add(&mut self, life: Life, document: Option<Arc<Job>>) {
        let id = life.id.clone();
        let name = (life.namespace.clone(), life.name.clone());
        let newer = self
            .by_name
            .get(&name)
            .and_then(|other| self.by_id.get(other))
            .is_none_or(|other| other.life.create_ns <= life.create_ns);
        if newer {
            self.by_name.insert(name, id.clone());
        }
        self.by_time.insert((life.create_ns, id.clone()));
        self.by_key.insert(life.results_key.clone(), id.clone());
        self.by_id.insert(id, Entry { life: Arc::new(life), document });
    }

    fn remove(&mut self, id: &str) {
        let Some(entry) = self.by_id.remove(id) else { return };
        let life = entry.life;
        self.by_time.remove(&(life.create_ns, life.id.clone()));
        self.by_key.remove(&life.results_key);
        let name = (life.namespace.clone(), life.name.clone());
        if self.by_name.get(&name).is_some_and(|newest| *newest == life.id) {
            self.by_name.remove(&name);
        }
    }
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// `*` is all.
    pub(super) namespace: String,
    pub(super) labels: Vec<Requirement>,
    pub(super) oldest_first: bool,
    pub(super) skip: usize,
    pub(super) take: usize,
}

/// Why a job isn't taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddError {
    /// All places are taken by jobs that haven't ended.
    #[error("{0} jobs wait or run, and this server takes no more")]
    Full(usize),
    /// A job of this name hasn't ended.
    #[error("a job named '{0}' hasn't ended yet")]
    Name(String),
    /// The very same job is there.
    #[error("no changes detected for new job spec. Job Name: '{0}', Job Id: '{1}'")]
    Same(String, String),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The jobs of a server.
#[derive(Debug)]
pub(super) struct Board {
    journal: Journal,
    index: RwLock<Index>,
    /// One change at a time: a change reads, writes the journal, and is then seen.
    changing: Mutex<()>,
    jobs_max: usize,
    open_max: usize,
}

impl Board {
    /// Reads what an earlier process left.
    pub(super) fn open(journal: Journal, jobs_max: usize, open_max: usize) -> Result<Self, JournalError> {
        let mut index = Index::default();
        for (id, life) in journal.open_records::<Life>(LIFE)? {
            let document = match journal.get::<Job>(DOCUMENT, &id)? {
                Some(job) => small(job),
                // A crash between the two writes: it was never acknowledged.
                None => continue,
            };
            index.add(life, document);
        }
        Ok(Self {
            journal,
            index: RwLock::new(index),
            changing: Mutex::default(),
            jobs_max: jobs_max.max(1),
            open_max: open_max.max(1),
        })
    }

    /// Takes a job on, durably; with `force` although the same is there.
    pub(super) fn add(&self, job: Job, life: Life, force: bool) -> Result<(), AddError> {
        let _changing = self.change();
        let forget = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let open =
                index.by_id.values().filter(|entry| !entry.life.state.state_type.is_terminal()).count();
            if open >= self.open_max {
                return Err(AddError::Full(open));
            }
            let name = (life.namespace.clone(), life.name.clone());
            if let Some(other) = index.by_name.get(&name).and_then(|id| index.by_id.get(id)) {
                if other.life.digest == life.digest && !force {
                    return Err(AddError::Same(life.name, other.life.id.clone()));
                }
                if !other.life.state.state_type.is_terminal() {
                    return Err(AddError::Name(life.name));
                }
            }
            let over = (index.by_id.len() + 1).saturating_sub(self.jobs_max);
            let ended = index.by_time.iter().map(|(_, id)| id).filter(|id| {
                index.by_id.get(*id).is_some_and(|entry| entry.life.state.state_type.is_terminal())
            });
            ended.take(over).cloned().collect::<Vec<_>>()
        };
        for id in forget {
            self.journal.remove(LIFE, &id)?;
            self.journal.remove(DOCUMENT, &id)?;
            self.index.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
        self.journal.put(DOCUMENT, &life.id, &job)?;
        self.journal.put(LIFE, &life.id, &life)?;
        self.index.write().unwrap_or_else(PoisonError::into_inner).add(life, small(job));
        Ok(())
    }

    /// Changes where a job stands, durably, unless it is forgotten or has ended; gives what it is now.
    pub(super) fn update(
        &self,
        id: &str,
        change: impl FnOnce(&mut Life),
    ) -> Result<Option<Arc<Life>>, JournalError> {
        let _changing = self.change();
        let Some(life) = self.life(id) else { return Ok(None) };
        if life.state.state_type.is_terminal() {
            return Ok(Some(life));
        }
        let mut life = Life::clone(&life);
        change(&mut life);
        life.revision += 1;
        self.journal.put(LIFE, id, &life)?;
        let life = Arc::new(life);
        if let Some(entry) = self.index.write().unwrap_or_else(PoisonError::into_inner).by_id.get_mut(id) {
            entry.life = life.clone();
        }
        Ok(Some(life))
    }

    /// A job by its exact id.
    pub(super) fn life(&self, id: &str) -> Option<Arc<Life>> {
        self.read(|index| index.by_id.get(id).map(|entry| entry.life.clone()))
    }

    /// A job by its name in a namespace, its id, or the beginning of its id.
    pub(super) fn find(&self, text: &str, namespace: &str) -> Option<Arc<Life>> {
        self.read(|index| {
            let name = (namespace.to_owned(), text.to_owned());
            let by_name = index.by_name.get(&name).and_then(|id| index.by_id.get(id));
            let entry = by_name.or_else(|| index.by_id.get(text)).or_else(|| {
                let mut found =
                    index.by_id.range(text.to_owned()..).take_while(|(id, _)| id.starts_with(text));
                match (found.next(), found.next()) {
                    (Some((_, entry)), None) if text.len() >= SHORT_ID => Some(entry),
                    _ => None,
                }
            });
            entry.map(|entry| entry.life.clone())
        })
    }

    /// The job whose results have this address.
    pub(super) fn by_key(&self, key: &str) -> Option<Arc<Life>> {
        self.read(|index| Some(index.by_id.get(index.by_key.get(key)?)?.life.clone()))
    }

    /// A job as the API shows it.
    pub(super) fn job(&self, life: &Life) -> Result<Job, JournalError> {
        let kept = self.read(|index| index.by_id.get(&life.id)?.document.clone());
        let job = match kept {
            Some(job) => Some(Job::clone(&job)),
            None => self.journal.get::<Job>(DOCUMENT, &life.id)?,
        };
        Ok(Job {
            state: life.state.clone(),
            version: 1,
            revision: life.revision,
            create_time: life.create_ns,
            modify_time: life.modify_ns,
            ..job.unwrap_or_default()
        })
    }

    /// A page of jobs, and whether there are more.
    pub(super) fn list(&self, query: &Query) -> (Vec<Arc<Life>>, bool) {
        self.read(|index| {
            let fits = |life: &Life| {
                let namespace = query.namespace == "*" || life.namespace == query.namespace;
                namespace && query.labels.iter().all(|wanted| wanted.fits(&life.labels))
            };
            let mut ids: Box<dyn Iterator<Item = &(i64, String)>> = Box::new(index.by_time.iter().rev());
            if query.oldest_first {
                ids = Box::new(index.by_time.iter());
            }
            let mut lives = ids
                .filter_map(|(_, id)| index.by_id.get(id))
                .map(|entry| &entry.life)
                .filter(|life| fits(life))
                .skip(query.skip);
            let page = lives.by_ref().take(query.take).cloned().collect();
            (page, lives.next().is_some())
        })
    }

    /// Jobs that haven't ended, oldest first.
    pub(super) fn open_jobs(&self) -> Vec<Arc<Life>> {
        self.read(|index| {
            let lives = index.by_time.iter().filter_map(|(_, id)| index.by_id.get(id));
            lives
                .map(|entry| &entry.life)
                .filter(|life| !life.state.state_type.is_terminal())
                .cloned()
                .collect()
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        // Whoever panicked had not begun to change anything: each change is one call.
        read(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document that may stay in memory.
fn small(job: Job) -> Option<Arc<Job>> {
    let bytes = serde_json::to_vec(&job).map_or(usize::MAX, |bytes| bytes.len());
    (bytes <= IN_MEMORY_BYTES_MAX).then(|| Arc::new(job))
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
