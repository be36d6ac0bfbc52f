//! A bare tonic server on one thread: generated code, no layers, and BENCH_USERS users in memory.

use std::{collections::HashMap, env, error::Error, sync::Arc, time::SystemTime};

use tokio::net::TcpListener;
use tokio_stream::{Iter, iter, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, transport::Server};

mod proto {
    tonic::include_proto!("user.v1");
}

use proto::{
    GetUserRequest, ListUsersRequest, User,
    user_service_server::{UserService, UserServiceServer},
};

struct Users {
    all: Arc<[User]>,
    by_id: HashMap<String, User>,
}

#[tonic::async_trait]
impl UserService for Users {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<User>, Status> {
        let GetUserRequest { id } = request.into_inner();
        match self.by_id.get(&id) {
            Some(user) => Ok(Response::new(user.clone())),
            None => Err(Status::not_found(format!("there is no user {id}"))),
        }
    }

    type ListUsersStream = Iter<std::vec::IntoIter<Result<User, Status>>>;

    async fn list_users(&self, _: Request<ListUsersRequest>) -> Result<Response<Self::ListUsersStream>, Status> {
        let users: Vec<_> = self.all.iter().cloned().map(Ok).collect();
        Ok(Response::new(iter(users)))
    }
}

/// The users of bench/support/users.ts.
fn users(count: usize) -> Users {
    let now = prost_types::Timestamp::from(SystemTime::now());
    let all: Arc<[User]> = (0..count)
        .map(|index| {
            let id = format!("user-{index:07}");
            User {
                name: format!("Name {index}"),
                email: format!("{id}@example.com"),
                role: "admin".into(),
                create_time: Some(now),
                update_time: Some(now),
                etag: "1".into(),
                id,
            }
        })
        .collect();
    let by_id = all.iter().map(|user| (user.id.clone(), user.clone())).collect();
    Users { all, by_id }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = env::var("BENCH_USERS")?.parse()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("ready grpc={}", listener.local_addr()?);
    let service = UserServiceServer::new(users(count));
    let incoming = TcpListenerStream::new(listener);
    Server::builder()
        .tcp_nodelay(true)
        .add_service(service)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
