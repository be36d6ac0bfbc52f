import { Channel, ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { unreachableText } from '../../connect-fault.ts';
import type { ConnectOptions, TransportCall } from '../../engine.ts';
import { ClientContext } from '../../tls/client-context.ts';
import { ServerTrust } from '../../tls/server-trust.ts';
import { FreshCredentials } from './fresh-credentials.ts';
import { type HeldChannel, RenewedChannel } from './renewed-channel.ts';

const channelOptions: ChannelOptions = {
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.min_reconnect_backoff_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
};

// grpc-js pings even if the server sends nothing in between, and servers accept that every 5 min. One may be late.
const minPingIntervalMs = 310_000;

// `CompressionAlgorithms.gzip` of grpc-js, which it does not export as a value.
const gzip = 2;

/** The channels of grpc-js to one address. */
export interface GrpcChannels {
  /** The channel for a call, until it is released. */
  hold(call: TransportCall): HeldChannel;
  /** Returns a better text than grpc-js's for a call that reached no server. */
  explain(details: string): string;
  close(): void;
}

/**
 * Makes the channel to `host:port` and, on first use, another for calls that compress requests: grpc-js sets compression per
 * channel and only lets a message opt out.
 */
export function createChannels(
  address: string,
  { tls, keepalive, connectTimeoutMs = 5_000 }: ConnectOptions,
): GrpcChannels {
  const options: ChannelOptions = { ...channelOptions, 'grpc.min_reconnect_backoff_ms': connectTimeoutMs };
  if (keepalive !== undefined) {
    options['grpc.keepalive_time_ms'] = Math.max(keepalive.everyMs, minPingIntervalMs);
    options['grpc.keepalive_timeout_ms'] = keepalive.timeoutMs ?? 20_000;
  }
  const context = tls && new ClientContext(address, tls);
  const renew = () => {
    plain.renew();
    compressing?.renew();
  };
  const trust =
    tls?.identity &&
    new ServerTrust(tls.identity, () => {
      context?.refresh();
      renew();
    });
  const leave = () => {
    plain.leave();
    compressing?.leave();
  };
  const credentials = context
    ? new FreshCredentials(context, (socket) => trust?.watch(socket, leave))
    : ChannelCredentials.createInsecure();
  const plain = new RenewedChannel(() => new Channel(address, credentials, options));
  let compressing: RenewedChannel | undefined;
  const newCompressing = () =>
    new RenewedChannel(
      () => new Channel(address, credentials, { ...options, 'grpc.default_compression_algorithm': gzip }),
    );
  return {
    hold(call) {
      if (!call.compressRequests) return plain.hold();
      compressing ??= newCompressing();
      return compressing.hold();
    },
    explain(details) {
      const fault = /^No connection established\. Last error: (.*?)\.? Resolution note:/s.exec(details)?.[1];
      return fault === undefined ? details : unreachableText({ address, fault, isTls: tls !== undefined });
    },
    close() {
      trust?.close();
      plain.close();
      compressing?.close();
    },
  };
}
