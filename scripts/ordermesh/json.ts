import { readFileSync } from 'node:fs';
import { createFileRegistry, type FileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { ClientError, Status } from 'nice-grpc';
import type { Any } from '#gen/google/protobuf/any.ts';
import * as details from '#gen/google/rpc/error_details.ts';
import { Status as RpcStatus } from '#gen/google/rpc/status.ts';
import { AnsweredError } from '../../examples/support/clients.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';

/** A message type of the contracts, as generated. */
export interface MessageType<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

let contracts: FileRegistry | undefined;

/** Converts a message to its JSON, with the fields that have their default value. `name` is the full name of its type. */
export function messageToJson<Message>(name: string, type: MessageType<Message>, message: Message): object {
  const file = new URL('../../gen/descriptors.binpb', import.meta.url);
  contracts ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)));
  const schema = contracts.getMessage(name);
  if (!schema) throw new RangeError(`the contracts have no message ${name}`);
  const decoded = fromBinary(schema, type.encode(message).finish());
  return toJson(schema, decoded, { registry: contracts, alwaysEmitImplicit: true }) as object;
}

/** An error as the commands print it with `--json`. */
export interface ErrorJson {
  /** The gRPC code. Absent: the error is not from a call. */
  readonly code?: string;
  readonly message: string;
  readonly details?: readonly ErrorDetail[];
}

type ErrorDetail = { readonly '@type': string };

/** The JSON of an error; `text` describes it if the mesh did not. */
export function errorToJson(error: unknown, text: string): ErrorJson {
  if (error instanceof AnsweredError) {
    return callErrorToJson(error.code, withCommandsHere(error.details), error.status);
  }
  if (error instanceof ClientError) return callErrorToJson(error.code, text);
  // A time limit of this program.
  if (error instanceof DOMException) return callErrorToJson(Status.DEADLINE_EXCEEDED, text);
  return { message: text };
}

/** The JSON of an error of a call. `status` is the encoded `google.rpc.Status`. */
export function callErrorToJson(code: Status, message: string, status?: Uint8Array): Required<ErrorJson> {
  const found = status ? RpcStatus.decode(status).details.map(detailToJson) : [];
  return { code: Status[code] ?? `code ${code}`, message, details: found };
}

type DetailType = { decode(bytes: Uint8Array): never; toJSON(message: never): unknown };

function detailToJson({ typeUrl, value }: Any): ErrorDetail {
  const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const known = (details as unknown as Record<string, DetailType>)[type.replace(/^google\.rpc\./, '')];
  if (!known) return { '@type': type, ...{ value: Buffer.from(value).toString('base64') } };
  return { '@type': type, ...(known.toJSON(known.decode(value)) as object) };
}
