//! Calls a running mesh and prints one line for each behaviour in ../README.md.

mod deadlines;
mod protocol;
mod services;

use std::error::Error;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use ordermesh::events::v1::event_service_client::EventServiceClient;
use ordermesh::inventory::v1::inventory_service_client::InventoryServiceClient;
use ordermesh::order::v1::order_service_client::OrderServiceClient;
use ordermesh::payment::v1::account_service_client::AccountServiceClient;
use ordermesh::user::v1::user_service_client::UserServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::deadlines::Deadlines;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
type Behaviour<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;
/// A channel with the deadlines of the contracts.
type Mesh = InterceptedService<Channel, Deadlines>;

/// For streams that would otherwise never end if something is wrong.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the behaviours share.
struct Run {
    /// Ids of this run begin with it.
    id: String,
    config: String,
    address: String,
    mesh: Mesh,
    /// Through a proxy that cuts connections, if there is one.
    cut: Mesh,
}

impl Run {
    fn users(&self) -> UserServiceClient<Mesh> {
        UserServiceClient::new(self.mesh.clone())
    }

    fn inventory(&self) -> InventoryServiceClient<Mesh> {
        InventoryServiceClient::new(self.mesh.clone())
    }

    fn accounts(&self) -> AccountServiceClient<Mesh> {
        AccountServiceClient::new(self.mesh.clone())
    }

    fn orders(&self) -> OrderServiceClient<Mesh> {
        OrderServiceClient::new(self.mesh.clone())
    }

    fn events(&self) -> EventServiceClient<Mesh> {
        EventServiceClient::new(self.mesh.clone())
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let address = env_or("ADDRESS", "localhost:50051");
    let cut_address = env_or("CUT_ADDRESS", "");
    let config = fs::read_to_string(env_or(
        "SERVICE_CONFIG",
        "../../../gen/service-config/ordermesh.json",
    ))?;
    let run = Run {
        id: format!("rs-{}", &Uuid::new_v4().simple().to_string()[..12]),
        mesh: connect(&address, &config)?,
        cut: connect(
            if cut_address.is_empty() {
                &address
            } else {
                &cut_address
            },
            &config,
        )?,
        config,
        address,
    };
    // They begin when they are awaited.
    let behaviours: Vec<(&str, Behaviour)> = vec![
        ("create-user", Box::pin(services::create_user(&run))),
        ("import-1000", Box::pin(services::import_users(&run))),
        ("list-resume", Box::pin(services::list_users(&run))),
        ("place-and-watch", Box::pin(services::place_and_watch(&run))),
        ("bad-request", Box::pin(protocol::bad_request(&run))),
        ("error-info", Box::pin(protocol::error_info(&run))),
        ("deadline", Box::pin(protocol::deadline(&run))),
        ("cancel", Box::pin(protocol::cancel(&run))),
        ("health", Box::pin(protocol::health(&run))),
        ("reflection-v1", Box::pin(protocol::reflection_v1(&run))),
        (
            "reflection-v1alpha",
            Box::pin(protocol::reflection_v1alpha(&run)),
        ),
        ("subscribe-resume", Box::pin(services::subscribe(&run))),
        ("service-config", Box::pin(protocol::service_config(&run))),
    ];
    let mut has_failed = false;
    for (name, behaviour) in behaviours {
        if name.ends_with("-resume") && cut_address.is_empty() {
            println!("skipped {name}: CUT_ADDRESS is not set");
            continue;
        }
        let outcome = tokio::time::timeout(TIMEOUT, behaviour).await;
        match outcome.unwrap_or_else(|_| Err("it took longer than a minute".into())) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                has_failed = true;
                println!("FAILED {name}: {error}");
            }
        }
    }
    Ok(if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns a channel that connects with its first call.
fn connect(address: &str, config: &str) -> Result<Mesh, Box<dyn Error + Send + Sync>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
    Ok(InterceptedService::new(
        channel,
        Deadlines::from_service_config(config)?,
    ))
}

fn env_or(name: &str, otherwise: &str) -> String {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

fn new_uuid() -> String {
    Uuid::new_v4().to_string()
}

fn check(is_right: bool, problem: impl FnOnce() -> String) -> Outcome {
    if is_right {
        Ok(())
    } else {
        Err(problem().into())
    }
}
