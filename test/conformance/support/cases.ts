/**
 * The cases of gRPC's doc/interop-test-descriptions.md that every client runs. Not included: cases that need Google
 * credentials, the deprecated `cacheable_unary`, and load balancing, which is above the engines.
 */
export const standardCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
] as const;

export type StandardCase = (typeof standardCases)[number];

/** Compression cases. `_noprobe`: without first probing whether the server detects compression. */
export const compressionCases = [
  'client_compressed_unary',
  'client_compressed_unary_noprobe',
  'server_compressed_unary',
  'client_compressed_streaming',
  'client_compressed_streaming_noprobe',
  'server_compressed_streaming',
] as const;

/** Number of large calls in the soak cases, on one channel or each on a new one. None may fail or take over a second. */
export const soak = { rpcs: 1_000, channels: 200 };
