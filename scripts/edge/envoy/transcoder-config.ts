/** What a transcoder of Envoy stands in front of. */
export interface Transcoded {
  /** `host:port` on which it listens. */
  readonly address: string;
  /** `host:port` of the gRPC server. */
  readonly target: string;
  /** A file with the descriptors of the contracts and of all that they import. */
  readonly descriptors: string;
  /** The full names of the services that it transcodes. */
  readonly services: readonly string[];
}

const types = 'type.googleapis.com/envoy.extensions';

/**
 * Returns the configuration of Envoy with its filter `grpc_json_transcoder`. Of the filter's options, those are on that
 * make it refuse more or answer as ours: what it does by default is more lenient still.
 */
export function transcoderConfig({ address, target, descriptors, services }: Transcoded): object {
  const transcoder = {
    '@type': `${types}.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
    proto_descriptor: descriptors,
    services,
    convert_grpc_status: true,
    print_options: { always_print_primitive_fields: true },
    query_param_unescape_plus: true,
    request_validation_options: {
      reject_unknown_method: true,
      reject_unknown_query_parameters: true,
      reject_binding_body_field_collisions: true,
    },
  };
  const manager = {
    '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'http',
    // By default it keeps a connection that it closes for another second.
    delayed_close_timeout: '0s',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'grpc' } }] },
      ],
    },
    http_filters: [
      { name: 'envoy.filters.http.grpc_json_transcoder', typed_config: transcoder },
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } },
    ],
  };
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return {
    static_resources: {
      listeners: [{ address: socketAddress(address), filter_chains: [{ filters }] }],
      clusters: [grpcCluster(target)],
    },
  };
}

function grpcCluster(target: string): object {
  const options = `${types}.upstreams.http.v3.HttpProtocolOptions`;
  return {
    name: 'grpc',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': options,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: 'grpc',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(target) } }] }],
    },
  };
}

function socketAddress(address: string): object {
  const at = address.lastIndexOf(':');
  return { socket_address: { address: address.slice(0, at), port_value: Number(address.slice(at + 1)) } };
}
