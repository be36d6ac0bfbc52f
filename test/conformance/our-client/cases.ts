import type { StandardCase } from '../support/cases.ts';
import type { ClientCase } from './case.ts';
import * as compression from './compression-cases.ts';
import * as ending from './ending-cases.ts';
import * as message from './message-cases.ts';
import * as status from './status-cases.ts';

/** The standard cases for our transport. */
export const ourCases: Readonly<Record<StandardCase, ClientCase>> = {
  empty_unary: message.emptyUnary,
  large_unary: message.largeUnary,
  client_streaming: message.clientStreaming,
  server_streaming: message.serverStreaming,
  ping_pong: message.pingPong,
  empty_stream: message.emptyStream,
  custom_metadata: status.customMetadata,
  status_code_and_message: status.statusCodeAndMessage,
  special_status_message: status.specialStatusMessage,
  unimplemented_method: status.unimplementedMethod,
  unimplemented_service: status.unimplementedService,
  cancel_after_begin: ending.cancelAfterBegin,
  cancel_after_first_response: ending.cancelAfterFirstResponse,
  timeout_on_sleeping_server: ending.timeoutOnSleepingServer,
};

/** The compression cases for our transport. */
export const ourCompressionCases: Readonly<Record<string, ClientCase>> = {
  client_compressed_unary: compression.clientCompressedUnary,
  client_compressed_unary_noprobe: compression.clientCompressedUnaryNoProbe,
  client_compressed_streaming: compression.clientCompressedStreaming,
  client_compressed_streaming_noprobe: compression.clientCompressedStreamingNoProbe,
  server_compressed_unary: compression.serverCompressedUnary,
  server_compressed_streaming: compression.serverCompressedStreaming,
};
