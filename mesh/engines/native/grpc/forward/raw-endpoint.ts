import type { ConnectOptions } from '../../../engine.ts';
import type { FieldChanges, RawEndpoint } from '../../../forwarding.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import { Endpoint } from '../client/endpoint.ts';
import { forwardedFields } from './forwarded-fields.ts';
import { UpstreamCall, type UpstreamEvents } from './upstream-call.ts';

/**
 * The window of each stream, which does not grow: a caller that does not read its reply holds no more than that here. It is
 * HTTP/2's default.
 */
const streamWindowBytes = 64 * 1024;

const maxHeaderListBytes = 16 * 1024;

// Servers limit the calls of a connection, so those of all callers are spread over a few.
const spread = { connections: 4, callsOfEach: 32 };

/** The connections to an endpoint for forwarded calls. */
export class NativeRawEndpoint extends Endpoint implements RawEndpoint {
  readonly address: string;

  constructor(address: string, options: ConnectOptions = {}) {
    super(address, { ...options, spread, windows: { streamWindowBytes, fixedStreamWindows: true } });
    this.address = address;
  }

  /** Opens a call with the fields that its caller sent, but for `changes`. */
  forward(call: UpstreamEvents, list: HeaderList, changes?: FieldChanges): void {
    const { requestId } = call;
    const rules = { requestId, scheme: this.scheme, maxBytes: maxHeaderListBytes, changes };
    this.open(new UpstreamCall(call, forwardedFields(list, rules)));
  }
}
