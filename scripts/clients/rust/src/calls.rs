//! Reads the details of errors and resumes listings. It depends on no generated code: use it or copy it.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio_stream::Stream;
use tonic::{Code, Response, Status, Streaming, TimeoutExpired};
use tonic_types::StatusExt;

const MAX_ATTEMPTS: u32 = 5;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(2);

/// A rule that a field of the request violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub field: String,
    pub description: String,
}

/// What ordermesh sends with an error.
#[derive(Clone, Debug)]
pub struct Details {
    /// As in other languages: DEADLINE_EXCEEDED for a timeout that expired here, which tonic reports as CANCELLED, and
    /// UNAVAILABLE for a broken connection, which it often reports as CANCELLED or UNKNOWN.
    pub code: Code,
    pub text: String,
    /// Stable, for example `USER_NOT_FOUND`. Empty if the error is not from ordermesh but, for example, from a proxy.
    pub reason: String,
    /// The facts of the reason, such as the id of the user.
    pub metadata: HashMap<String, String>,
    /// An entry for each invalid field of the request.
    pub violations: Vec<Violation>,
    /// The time to wait before the next attempt. `None`: the server named none.
    pub retry_after: Option<Duration>,
}

/// Returns the details of an error that a call returned.
pub fn details_of(status: &Status) -> Details {
    let sent = status.get_error_details();
    let info = sent.error_info();
    let violations = sent.bad_request().map_or_else(Vec::new, |bad| {
        let violation = |v: &tonic_types::FieldViolation| Violation {
            field: v.field.clone(),
            description: v.description.clone(),
        };
        bad.field_violations.iter().map(violation).collect()
    });
    Details {
        code: code_of(status),
        text: status.message().to_owned(),
        reason: info.map_or_else(String::new, |info| info.reason.clone()),
        metadata: info.map_or_else(HashMap::new, |info| info.metadata.clone()),
        violations,
        retry_after: sent.retry_info().and_then(|retry| retry.retry_delay),
    }
}

/// Yields all resources of a listing. If the stream is cut, it opens the listing again after the last resource received, and
/// gives up after five attempts in a row that yielded none. An error ends the stream.
///
/// ```ignore
/// let users = resume_listing(
///     |after_id| {
///         let mut client = client.clone();
///         async move { client.list_users(ListUsersRequest { after_id, ..Default::default() }).await }
///     },
///     |user: &User| user.id.clone(),
/// );
/// ```
pub fn resume_listing<T, Open, Opening>(
    mut open_after: Open,
    id_of: impl Fn(&T) -> String,
) -> impl Stream<Item = Result<T, Status>>
where
    Open: FnMut(String) -> Opening,
    Opening: Future<Output = Result<Response<Streaming<T>>, Status>>,
{
    async_stream::stream! {
        let (mut after, mut attempts) = (String::new(), 0);
        loop {
            let failure = match open_after(after.clone()).await {
                Err(status) => status,
                Ok(response) => {
                    let mut resources = response.into_inner();
                    loop {
                        match resources.message().await {
                            Ok(Some(resource)) => {
                                (after, attempts) = (id_of(&resource), 0);
                                yield Ok(resource);
                            }
                            Ok(None) => return,
                            Err(status) => break status,
                        }
                    }
                }
            };
            attempts += 1;
            let details = details_of(&failure);
            if attempts == MAX_ATTEMPTS || !may_resume(&details) {
                yield Err(failure);
                return;
            }
            tokio::time::sleep(delay(attempts, &details)).await;
        }
    }
}

fn code_of(status: &Status) -> Code {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return Code::DeadlineExceeded;
        }
        source = error.source();
    }
    match status.code() {
        // A status that the server sent has no source.
        Code::Cancelled | Code::Unknown if status.source().is_some() => Code::Unavailable,
        code => code,
    }
}

/// UNKNOWN without a reason: the stream ended without a status.
fn may_resume(details: &Details) -> bool {
    match details.code {
        Code::Unavailable | Code::Internal => true,
        Code::Unknown => details.reason.is_empty(),
        _ => details.retry_after.is_some(),
    }
}

fn delay(attempts: u32, details: &Details) -> Duration {
    let backoff = (FIRST_DELAY * 2_u32.pow(attempts - 1)).min(MAX_DELAY);
    details
        .retry_after
        .unwrap_or(backoff.mul_f64(0.5 + random_fraction() / 2.0))
}

/// From 0 to 1. The seeds of hash maps are the only random numbers of the standard library.
fn random_fraction() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    random as f64 / u64::MAX as f64
}
