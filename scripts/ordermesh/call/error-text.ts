import type { ServiceError } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import type { Any } from '#gen/google/protobuf/any.ts';
import * as details from '#gen/google/rpc/error_details.ts';
import { Status as RpcStatus } from '#gen/google/rpc/status.ts';
import { statusDetailsKey } from '#mesh';
import { escapeControls } from '../../support/format.ts';

type DetailType = { decode(bytes: Uint8Array): never; toJSON(message: never): unknown };

/** Whether the server described the error. Errors that a client creates have no description. */
export function hasDetails({ metadata }: ServiceError): boolean {
  return metadata.get(statusDetailsKey).length > 0;
}

/** Describes an error with code, message and details: a line each or, as JSON, in one line. */
export function describeError(error: ServiceError, json: boolean): string[] {
  const [bytes] = error.metadata.get(statusDetailsKey);
  const found = bytes instanceof Buffer ? RpcStatus.decode(bytes).details.map(describeDetail) : [];
  const code = Status[error.code] ?? `code ${error.code}`;
  if (json) return [JSON.stringify({ code, message: error.details, details: found })];
  return [
    `${code}: ${escapeControls(error.details)}`,
    ...found.map(({ '@type': type, ...detail }) => `  ${type} ${JSON.stringify(detail)}`),
  ];
}

function describeDetail({ typeUrl, value }: Any): { readonly '@type': string } {
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const known = (details as unknown as Record<string, DetailType>)[type.replace(/^google\.rpc\./, '')];
  if (!known) return { '@type': type, ...{ value: Buffer.from(value).toString('base64') } };
  return { '@type': type, ...(known.toJSON(known.decode(value)) as object) };
}
