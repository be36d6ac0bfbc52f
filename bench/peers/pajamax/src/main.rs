//! A bare pajamax server: generated code, and BENCH_USERS users in memory. It knows no streams.

use std::{
    collections::HashMap,
    env,
    error::Error,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
    time::SystemTime,
};

use pajamax::{
    Response,
    status::{Code, Status},
};

mod proto {
    pajamax::include_proto!("user.v1");
}

use proto::{GetUserRequest, ListUsersRequest, User, UserService, UserServiceServer};

struct Users(HashMap<String, User>);

impl UserService for Users {
    fn get_user(&self, GetUserRequest { id }: GetUserRequest) -> Response<User> {
        match self.0.get(&id) {
            Some(user) => Ok(user.clone()),
            None => Err(Status {
                code: Code::NotFound,
                message: format!("there is no user {id}"),
            }),
        }
    }

    fn list_users(&self, _: ListUsersRequest) -> Response<User> {
        Err(Status {
            code: Code::Unimplemented,
            message: "pajamax has no streams".into(),
        })
    }
}

/// The users of bench/support/users.ts.
fn users(count: usize) -> Users {
    let now = prost_types::Timestamp::from(SystemTime::now());
    let user_of = |index| {
        let id = format!("user-{index:07}");
        let user = User {
            id: id.clone(),
            name: format!("Name {index}"),
            email: format!("{id}@example.com"),
            role: "admin".into(),
            create_time: Some(now),
            update_time: Some(now),
            etag: "1".into(),
        };
        (id, user)
    };
    Users((0..count).map(user_of).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = env::var("BENCH_USERS")?.parse()?;
    // It takes an address but does not tell which port it got.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    thread::spawn(move || {
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        println!("ready grpc={address}");
    });
    pajamax::Config::new()
        .add_service(UserServiceServer::new(users(count)))
        .serve(address)?;
    Ok(())
}
