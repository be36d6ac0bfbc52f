import { Metadata } from 'nice-grpc-common';
import { Status as RpcStatus } from '../../../gen/ts/google/rpc/status.ts';
import { statusDetailsKey } from '../../../mesh/errors/status-details.ts';
import { toStatus } from '../../../mesh/errors/to-status.ts';
import type { EndedCall, WireStatus } from '../../../mesh/errors/wire-status.ts';
import { createLogger } from '../../../mesh/telemetry/logger.ts';
import { RequestedError } from './service.ts';

const logger = createLogger('silent');

/** The status of a call that failed: exactly what its request asked for, if it is that. */
export function requestedStatus(error: unknown, call: EndedCall): WireStatus {
  if (!(error instanceof RequestedError)) {
    // The suite expects no other details than those that it asked for.
    return { ...toStatus(error, call, logger), metadata: Metadata() };
  }
  const { code, message, details } = error;
  const packed = details.map(({ type_url, value = new Uint8Array() }) => ({ typeUrl: type_url, value }));
  const metadata = Metadata();
  if (packed.length > 0) {
    metadata.set(statusDetailsKey, RpcStatus.encode({ code, message, details: packed }).finish());
  }
  return { code, details: message, metadata };
}
