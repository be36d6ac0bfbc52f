//! Errors, deadlines and cancellation, health, reflection and the service config.

use std::time::Duration;

use ordermesh::calls::details_of;
use ordermesh::events::v1::{Start, SubscribeRequest, subscribe_request::From};
use ordermesh::user::v1::user_service_client::UserServiceClient;
use ordermesh::user::v1::{CreateUserRequest, GetUserRequest, User};
use serde_json::Value;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use crate::{Outcome, Run, check, connect, new_uuid};

const USER_SERVICE: &str = "user.v1.UserService";

pub async fn bad_request(run: &Run) -> Outcome {
    let user = User {
        id: "not an id".into(),
        name: "Ada".into(),
        email: "nobody".into(),
        ..Default::default()
    };
    let request = CreateUserRequest {
        request_id: new_uuid(),
        user: Some(user),
    };
    let details = details_of(&error_of(run.users().create_user(request).await)?);
    let fields: Vec<&str> = details
        .violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    let is_right = details.code == Code::InvalidArgument && fields == ["user.id", "user.email"];
    check(is_right, || format!("got {details:?}"))
}

pub async fn error_info(run: &Run) -> Outcome {
    let unknown = format!("{}-unknown", run.id);
    let details = details_of(&error_of(
        run.users()
            .get_user(GetUserRequest {
                id: unknown.clone(),
            })
            .await,
    )?);
    let is_right =
        details.reason == "USER_NOT_FOUND" && details.metadata.get("id") == Some(&unknown);
    check(is_right, || format!("got {details:?}"))
}

/// Follows a topic, which never ends by itself.
pub async fn deadline(run: &Run) -> Outcome {
    let mut request = Request::new(SubscribeRequest {
        topic: "order.events".into(),
        ..Default::default()
    });
    request.set_timeout(Duration::from_millis(300));
    let error = match run.events().subscribe(request).await {
        Err(error) => error,
        Ok(response) => {
            let mut events = response.into_inner();
            loop {
                match events.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Err("the stream ended by itself".into()),
                    Err(error) => break error,
                }
            }
        }
    };
    check_code(&error, Code::DeadlineExceeded)
}

/// Drops a stream: that cancels its call.
pub async fn cancel(run: &Run) -> Outcome {
    let request = SubscribeRequest {
        topic: "user.events".into(),
        from: Some(From::Start(Start::Beginning.into())),
        ..Default::default()
    };
    let mut events = run.events().subscribe(request).await?.into_inner();
    check(events.message().await?.is_some(), || {
        "the stream ended by itself".into()
    })?;
    drop(events);
    Ok(())
}

pub async fn health(run: &Run) -> Outcome {
    let mut client = HealthClient::new(run.mesh.clone());
    for service in ["", USER_SERVICE] {
        let status = client
            .check(HealthCheckRequest {
                service: service.into(),
            })
            .await?
            .into_inner()
            .status();
        check(status == ServingStatus::Serving, || {
            format!("{service:?} is {status:?}")
        })?;
    }
    let unknown = client
        .check(HealthCheckRequest {
            service: "unknown".into(),
        })
        .await;
    check_code(&error_of(unknown)?, Code::NotFound)
}

pub async fn reflection_v1(run: &Run) -> Outcome {
    use v1::server_reflection_request::MessageRequest::ListServices;
    use v1::server_reflection_response::MessageResponse::ListServicesResponse;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(run.mesh.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(ListServices(String::new())),
    };
    let mut responses = client
        .server_reflection_info(tokio_stream::once(request))
        .await?
        .into_inner();
    match responses
        .message()
        .await?
        .and_then(|response| response.message_response)
    {
        Some(ListServicesResponse(list)) => {
            check_listed(list.service.into_iter().map(|service| service.name))
        }
        other => Err(format!("got {other:?}").into()),
    }
}

pub async fn reflection_v1alpha(run: &Run) -> Outcome {
    use v1alpha::server_reflection_request::MessageRequest::ListServices;
    use v1alpha::server_reflection_response::MessageResponse::ListServicesResponse;
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(run.mesh.clone());
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(ListServices(String::new())),
    };
    let mut responses = client
        .server_reflection_info(tokio_stream::once(request))
        .await?
        .into_inner();
    match responses
        .message()
        .await?
        .and_then(|response| response.message_response)
    {
        Some(ListServicesResponse(list)) => {
            check_listed(list.service.into_iter().map(|service| service.name))
        }
        other => Err(format!("got {other:?}").into()),
    }
}

/// Makes a call without a timeout on a channel whose config allows next to no time.
pub async fn service_config(run: &Run) -> Outcome {
    run.users()
        .get_user(GetUserRequest { id: run.id.clone() })
        .await?;
    let mut config: Value = serde_json::from_str(&run.config)?;
    for method in config["methodConfig"].as_array_mut().into_iter().flatten() {
        method["timeout"] = "0s".into();
    }
    let short_timeouts = connect(&run.address, &config.to_string())?;
    let mut users = UserServiceClient::new(short_timeouts);
    check_code(
        &error_of(users.get_user(GetUserRequest { id: run.id.clone() }).await)?,
        Code::DeadlineExceeded,
    )
}

fn error_of<T>(result: Result<Response<T>, Status>) -> Result<Status, String> {
    match result {
        Ok(_) => Err("the call did not fail".into()),
        Err(error) => Ok(error),
    }
}

fn check_code(error: &Status, expected: Code) -> Outcome {
    check(details_of(error).code == expected, || {
        format!("got {error}, not {expected:?}")
    })
}

fn check_listed(names: impl Iterator<Item = String>) -> Outcome {
    let names: Vec<String> = names.collect();
    check(names.iter().any(|name| name == USER_SERVICE), || {
        format!("reflection lists {names:?}")
    })
}
