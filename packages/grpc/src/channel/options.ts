import { inspect } from 'node:util';

/**
 * Options of channels and servers, under the names that gRPC gives them. Others are ignored with a warning of the process, so
 * a program that sets them for grpc-js runs.
 */
export interface ChannelOptions {
  /** The maximum bytes of a message that is received; -1: no limit. Default: 4 MiB. */
  'grpc.max_receive_message_length'?: number;
  /** The maximum bytes of a message that is sent; -1: no limit. Default: no limit. */
  'grpc.max_send_message_length'?: number;
  /** 2 (gzip): compresses all messages that are sent, if the peer accepts it. Default: 0, none. */
  'grpc.default_compression_algorithm'?: number;
  /** After how long without bytes of the peer it is pinged. Default: server 5 min, client never. */
  'grpc.keepalive_time_ms'?: number;
  /** How long the peer may take to answer a ping. Default: 20 s. */
  'grpc.keepalive_timeout_ms'?: number;
  /** Server: the maximum number of open calls of a connection. Default: 1,000. */
  'grpc.max_concurrent_streams'?: number;
  /** Server: how often a client may ping; more often ends its connection. Default: 10 s. */
  'grpc.http2.min_ping_interval_without_data_ms'?: number;
  /** Client: how long connecting, the TLS handshake and the server's first SETTINGS may each take; 0: no limit. Default: 20 s. */
  'grpc.min_reconnect_backoff_ms'?: number;
  /** Client: the name that the server's certificate must have. Default: the host of the address. */
  'grpc.ssl_target_name_override'?: string;
  /** Client: begins the header `user-agent`. */
  'grpc.primary_user_agent'?: string;
  [name: string]: unknown;
}

const typeOf: Readonly<Record<string, 'number' | 'string'>> = {
  'grpc.max_receive_message_length': 'number',
  'grpc.max_send_message_length': 'number',
  'grpc.default_compression_algorithm': 'number',
  'grpc.keepalive_time_ms': 'number',
  'grpc.keepalive_timeout_ms': 'number',
  'grpc.max_concurrent_streams': 'number',
  'grpc.http2.min_ping_interval_without_data_ms': 'number',
  'grpc.min_reconnect_backoff_ms': 'number',
  'grpc.ssl_target_name_override': 'string',
  'grpc.primary_user_agent': 'string',
};

/** Throws a TypeError for a value of the wrong type, and warns of options that are not known. */
export function checkOptions(options: ChannelOptions): void {
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(typeOf, name) ? typeOf[name] : undefined;
    if (type === undefined) unknown.push(name);
    else if (value !== undefined && (typeof value !== type || Number.isNaN(value)))
      throw new TypeError(`option ${name} is ${inspect(value)}: pass a ${type}`);
  }
  if (unknown.length > 0) process.emitWarning(`@ordermesh/grpc ignores ${unknown.join(', ')}: it has no such option`);
}

/** The longest time of a timer of Node: 24.8 days. */
export const maxTimerMs = 2_147_483_647;

const defaultMaxReceiveBytes = 4 * 1024 * 1024;

/** The options that channels and servers share, as the engine takes them. */
export interface MessageOptions {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number | undefined;
  readonly compresses: boolean;
}

/** Reads the options about messages. */
export function messageOptions(options: ChannelOptions): MessageOptions {
  const maxSendBytes = options['grpc.max_send_message_length'] ?? -1;
  return {
    maxReceiveBytes: limitOf(options['grpc.max_receive_message_length'] ?? defaultMaxReceiveBytes),
    maxSendBytes: maxSendBytes < 0 ? undefined : maxSendBytes,
    compresses: options['grpc.default_compression_algorithm'] === 2,
  };
}

function limitOf(bytes: number): number {
  return bytes < 0 ? Number.MAX_SAFE_INTEGER : bytes;
}
