// Pins CoreDNS and its dependencies, for `make verify-registries`.
module ordermesh/scripts/registries/coredns

go 1.26.0

require github.com/coredns/coredns v1.14.7
