// Pins Consul and its dependencies, for `make verify-registries`. 1.17 and later are not open source.
module ordermesh/scripts/registries/consul

go 1.26.0

require github.com/hashicorp/consul v1.14.11

// They encode times differently from the version that Consul requires, but would be chosen instead of it.
exclude (
	github.com/hashicorp/go-msgpack v1.1.5
	github.com/hashicorp/go-msgpack v1.1.6
)
