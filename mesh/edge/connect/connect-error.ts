import { fromBinary, type JsonValue, type Registry, toJson } from '@bufbuild/protobuf';
import { ConnectError } from '@connectrpc/connect';
import { Status as RpcStatus } from '../../../gen/ts/google/rpc/status.ts';
import { CallError } from '../../client/call-error.ts';
import { TransportError } from '../../engines/transport-error.ts';
import { publicTextOf } from '../../errors/error-text.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { encodeStatusDetails, statusDetailsKey } from '../../errors/status-details.ts';

type Any = RpcStatus['details'][number];

interface Detail {
  readonly type: string;
  readonly value: Uint8Array;
  readonly debug?: JsonValue;
}

/**
 * Turns an error into that of Connect and gRPC-Web. What a service has sent stays as it is: code, text and all details, also of types
 * that this side does not know. An error of this side has those details whose types the contracts have, so callers know them.
 */
export function connectErrorOf(error: MeshError, registry: Registry): ConnectError {
  const isAnswer = isAnswerOfService(error);
  // The codes are those of gRPC.
  const result = new ConnectError(isAnswer ? error.message : publicTextOf(error), error.code as number);
  result.details = sentDetails(error, isAnswer)?.map((any) => detailOf(any, registry)) ?? ownDetails(error, registry);
  return result;
}

/** Whether a service has sent the error. Its text then is for callers; that of a transport may name addresses. */
function isAnswerOfService({ cause }: MeshError): boolean {
  return cause instanceof TransportError && cause.answered;
}

/** The details that a service has sent; `undefined` if none has. */
function sentDetails(error: MeshError, isAnswer: boolean): readonly Any[] | undefined {
  const packed = error instanceof CallError ? error.trailer?.get(statusDetailsKey) : undefined;
  if (!(packed instanceof Uint8Array)) return isAnswer ? [] : undefined;
  try {
    return RpcStatus.decode(packed).details;
  } catch {
    // An error is never hidden by a fault in its description.
    return [];
  }
}

function ownDetails(error: MeshError, registry: Registry): Detail[] {
  const { details } = RpcStatus.decode(encodeStatusDetails(error.code, '', error));
  return details.map((any) => detailOf(any, registry)).filter(({ type }) => registry.getMessage(type) !== undefined);
}

function detailOf({ typeUrl, value }: Any, registry: Registry): Detail {
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const debug = readable(type, value, registry);
  return { type, value, ...(debug !== undefined && { debug }) };
}

/** A detail as JSON, for people; `undefined` if its type is not known. */
function readable(type: string, value: Uint8Array, registry: Registry): JsonValue | undefined {
  const schema = registry.getMessage(type);
  if (schema === undefined) return undefined;
  try {
    return toJson(schema, fromBinary(schema, value), { registry });
  } catch {
    return undefined;
  }
}
