//! Users, an order, and events.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use ordermesh::calls::resume_listing;
use ordermesh::common::v1::{Address, Money};
use ordermesh::events::v1::event_service_client::EventServiceClient;
use ordermesh::events::v1::{EventRecord, Offsets, SubscribeRequest, subscribe_request::From};
use ordermesh::inventory::v1::{CreateItemRequest, Item};
use ordermesh::order::v1::{OrderItem, OrderState, PlaceOrderRequest, WatchOrderRequest};
use ordermesh::payment::v1::{DepositRequest, OpenAccountRequest};
use ordermesh::user::v1::user_service_client::UserServiceClient;
use ordermesh::user::v1::{CreateUserRequest, ImportUsersRequest, ListUsersRequest, User};
use tokio_stream::StreamExt;

use crate::{Outcome, Run, check, new_uuid};

const IMPORTED_USERS: usize = 1000;

pub async fn create_user(run: &Run) -> Outcome {
    // With the same request id, the second call returns the response of the first.
    let request = CreateUserRequest {
        request_id: new_uuid(),
        user: Some(user(&run.id, "Ada")),
    };
    let first = run.users().create_user(request.clone()).await?.into_inner();
    let second = run.users().create_user(request).await?.into_inner();
    let is_same = first.id == run.id && !first.etag.is_empty() && first == second;
    check(is_same, || format!("created {first:?}, then {second:?}"))
}

pub async fn import_users(run: &Run) -> Outcome {
    let role = run.id.clone();
    let rows = imported_ids(run)
        .into_iter()
        .map(move |id| ImportUsersRequest {
            user: Some(User {
                role: role.clone(),
                ..user(&id, "Imported")
            }),
        });
    let response = run
        .users()
        .import_users(tokio_stream::iter(rows))
        .await?
        .into_inner();
    let is_complete = response.imported == IMPORTED_USERS as i64 && response.failures.is_empty();
    check(is_complete, || format!("imported {response:?}"))
}

pub async fn list_users(run: &Run) -> Outcome {
    let mut cursors = HashSet::new();
    let mut ids = Vec::new();
    {
        let open_after = |after_id: String| {
            cursors.insert(after_id.clone());
            let mut users = UserServiceClient::new(run.cut.clone());
            let request = ListUsersRequest {
                after_id,
                role: run.id.clone(),
                ..Default::default()
            };
            async move { users.list_users(request).await }
        };
        let mut listing = std::pin::pin!(resume_listing(open_after, |user: &User| user.id.clone()));
        while let Some(user) = listing.next().await {
            ids.push(user?.id);
        }
    }
    check(ids == imported_ids(run), || {
        format!("listed {} users", ids.len())
    })?;
    check_cut(&cursors)
}

pub async fn place_and_watch(run: &Run) -> Outcome {
    let item = Item {
        sku: run.id.clone(),
        name: "Lamp".into(),
        unit_price: Some(euros(500)),
        on_hand: 10,
        ..Default::default()
    };
    run.inventory()
        .create_item(CreateItemRequest {
            request_id: new_uuid(),
            item: Some(item),
        })
        .await?;
    let account = OpenAccountRequest {
        request_id: new_uuid(),
        account_id: run.id.clone(),
        currency_code: "EUR".into(),
    };
    run.accounts().open_account(account).await?;
    let deposit = DepositRequest {
        request_id: new_uuid(),
        account_id: run.id.clone(),
        amount: Some(euros(10_000)),
        ..Default::default()
    };
    run.accounts().deposit(deposit).await?;
    let order = PlaceOrderRequest {
        request_id: new_uuid(),
        user_id: run.id.clone(),
        items: vec![OrderItem {
            sku: run.id.clone(),
            quantity: 2,
            unit_price: None,
        }],
        shipping_address: Some(Address {
            recipient: "Ada".into(),
            lines: vec!["Main Street 1".into()],
            city: "Town".into(),
            postal_code: "12345".into(),
            country_code: "DE".into(),
        }),
    };
    let placed = run.orders().place_order(order).await?.into_inner();
    let mut states = run
        .orders()
        .watch_order(WatchOrderRequest {
            id: placed.id.clone(),
            ..Default::default()
        })
        .await?
        .into_inner();
    // The stream ends after the final state.
    let mut last = placed;
    while let Some(order) = states.message().await? {
        last = order;
    }
    let is_right = last.state() == OrderState::Completed && last.total == Some(euros(1_000));
    check(is_right, || format!("the order ended as {last:?}"))
}

/// Follows the events of the imported users. Each opened stream starts after the last event of each partition.
pub async fn subscribe(run: &Run) -> Outcome {
    let next = RefCell::new(HashMap::new());
    let mut seen = HashSet::new();
    let mut cursors = HashSet::new();
    {
        let open_after = |after: String| {
            cursors.insert(after);
            let mut events = EventServiceClient::new(run.cut.clone());
            let request = SubscribeRequest {
                topic: "user.events".into(),
                types: vec!["USER_CREATED".into()],
                from: Some(From::Offsets(Offsets {
                    by_partition: next.borrow().clone(),
                })),
                ..Default::default()
            };
            async move { events.subscribe(request).await }
        };
        let id_of = |event: &EventRecord| event.id.clone();
        let mut followed = std::pin::pin!(resume_listing(open_after, id_of));
        while seen.len() < IMPORTED_USERS {
            let Some(event) = followed.next().await.transpose()? else {
                return Err("the stream ended by itself".into());
            };
            let last = next.borrow_mut().insert(event.partition, event.offset + 1);
            check(event.offset >= last.unwrap_or(0), || {
                format!("event {} came twice", event.id)
            })?;
            if event.key.starts_with(&format!("{}-", run.id)) {
                seen.insert(event.key);
            }
        }
    }
    check_cut(&cursors)
}

/// Fails if every stream began at the same place: the first one was not cut, or received nothing before.
fn check_cut(cursors: &HashSet<String>) -> Outcome {
    check(cursors.len() > 1, || "the stream was not cut".into())
}

fn imported_ids(run: &Run) -> Vec<String> {
    (0..IMPORTED_USERS)
        .map(|i| format!("{}-{i:04}", run.id))
        .collect()
}

fn user(id: &str, name: &str) -> User {
    User {
        id: id.into(),
        name: name.into(),
        email: format!("{id}@example.com"),
        ..Default::default()
    }
}

fn euros(minor_units: i64) -> Money {
    Money {
        currency_code: "EUR".into(),
        minor_units,
    }
}
