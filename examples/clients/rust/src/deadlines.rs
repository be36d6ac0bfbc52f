//! The deadlines of a gRPC service config. tonic has no service configs, so this interceptor sets them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tonic::service::Interceptor;
use tonic::{GrpcMethod, Request, Status};

/// Gives each call without a timeout that of its method.
#[derive(Clone)]
pub struct Deadlines {
    by_method: Arc<HashMap<String, Duration>>,
}

impl Deadlines {
    pub fn from_service_config(json: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let config: Value = serde_json::from_str(json)?;
        let mut by_method = HashMap::new();
        for entry in config["methodConfig"].as_array().into_iter().flatten() {
            let Some(timeout) = entry["timeout"].as_str() else {
                continue;
            };
            let seconds = timeout
                .strip_suffix('s')
                .ok_or_else(|| format!("{timeout} is not a valid timeout"))?;
            for name in entry["name"].as_array().into_iter().flatten() {
                if let (Some(service), Some(method)) =
                    (name["service"].as_str(), name["method"].as_str())
                {
                    by_method.insert(
                        format!("{service}/{method}"),
                        Duration::try_from_secs_f64(seconds.parse()?)?,
                    );
                }
            }
        }
        Ok(Self {
            by_method: Arc::new(by_method),
        })
    }
}

impl Interceptor for Deadlines {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // The generated clients set it.
        let method = request.extensions().get::<GrpcMethod>();
        let timeout = method
            .and_then(|m| {
                self.by_method
                    .get(&format!("{}/{}", m.service(), m.method()))
            })
            .copied();
        if let Some(timeout) = timeout
            && !request.metadata().contains_key("grpc-timeout")
        {
            request.set_timeout(timeout);
        }
        Ok(request)
    }
}
