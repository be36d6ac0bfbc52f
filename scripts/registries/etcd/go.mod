// Pins etcd and its dependencies, for `make verify-registries`.
module ordermesh/scripts/registries/etcd

go 1.26.0

require go.etcd.io/etcd/server/v3 v3.7.3
