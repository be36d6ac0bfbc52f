import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';
import type { Repetition } from './forwarding.ts';

export const unknownMethod = defineError({
  reason: 'UNKNOWN_METHOD',
  code: Status.UNIMPLEMENTED,
  means: 'this server does not have the method',
  fix: 'find it with reflection; check the address',
  text: ({ path }: { readonly path: string }) =>
    `method ${path} not found on this server: list its methods with reflection`,
  metadata: () => ({}),
});

export const malformedTimeout = defineError({
  reason: 'MALFORMED_TIMEOUT',
  code: Status.INVALID_ARGUMENT,
  means: 'invalid `grpc-timeout` header',
  fix: 'fix the client',
  text: ({ timeout }: { readonly timeout: string }) =>
    `grpc-timeout "${timeout}" is not valid: send at most 8 digits and one of H, M, S, m, u, n`,
  metadata: () => ({}),
});

export const malformedRequest = defineError({
  reason: 'MALFORMED_REQUEST',
  code: Status.INTERNAL,
  means: 'a request ends within a message',
  fix: 'fix the client',
  text: ({ path }: { readonly path: string }) => `request of ${path} ends within a message: send complete messages`,
  metadata: () => ({}),
});

export const unknownEncoding = defineError({
  reason: 'UNKNOWN_ENCODING',
  code: Status.UNIMPLEMENTED,
  means: 'messages have an unknown compression',
  fix: 'use gzip or deflate',
  text: ({ encoding, known }: { readonly encoding: string; readonly known: string }) =>
    `message encoding ${encoding} is not supported: use one of ${known}`,
  metadata: () => ({}),
});

/** The path is unknown: none of the metadata was kept. */
export const metadataTooLarge = defineError({
  reason: 'METADATA_TOO_LARGE',
  code: Status.RESOURCE_EXHAUSTED,
  means: 'the metadata of a call is larger than 16 KiB, or that of its response larger than the caller accepts',
  fix: 'send it in the message',
  text: 'metadata of the call is larger than 16 KiB: send less, or send it in the message',
});

export const responseMetadataTooLarge = metadataTooLarge.variant({
  text: ({ path, maxBytes }: { readonly path: string; readonly maxBytes: number }) =>
    `response metadata of ${path} is larger than the ${maxBytes} bytes that the caller accepts: allow more there, or send it in the message`,
  metadata: () => ({}),
});

export const forwardedMetadataTooLarge = metadataTooLarge.variant({
  text: ({ path, maxBytes }: { readonly path: string; readonly maxBytes: number }) =>
    `metadata of ${path} is larger than the ${maxBytes} bytes that its server accepts: send less, or send it in the message`,
  metadata: () => ({}),
});

const repetitions: Readonly<Record<Repetition, string>> = {
  read: 'call again',
  'by-request-id': 'call again with the same request_id',
  change: 'check whether it took effect, then call again',
  stream: 'resume the stream where it ended',
  unknown: 'call again with the same request_id, or resume the stream where it ended',
};

export const endpointLost = defineError({
  reason: 'ENDPOINT_LOST',
  code: Status.UNAVAILABLE,
  means: 'the instance that had the call is gone or hangs, so the call may have taken effect',
  fix: 'call again with the same `request_id`, and resume a stream where it ended',
  text: ({ path, repetition }: { readonly path: string; readonly repetition: Repetition }) =>
    `the instance that had ${path} is gone or hangs: ${repetitions[repetition]}`,
  metadata: () => ({}),
});

export const forwardingNeedsNative = defineError({
  reason: 'FORWARDING_NEEDS_NATIVE',
  code: Status.FAILED_PRECONDITION,
  means: 'the engine cannot forward calls',
  fix: 'start this process with GRPC_ENGINE=native',
  seenIn: 'start',
  text: ({ service, engine }: { readonly service: string; readonly engine: string }) =>
    `service ${service} forwards calls, which GRPC_ENGINE=${engine} cannot: start it with GRPC_ENGINE=native`,
});

export const addressInUse = defineError({
  reason: 'ADDRESS_IN_USE',
  code: Status.ALREADY_EXISTS,
  means: 'another process listens on the address, or a connection has the port',
  fix: 'see its text; or change the setting that it names',
  seenIn: 'start',
  text: ({ address, problem }: { readonly address: string; readonly problem: string | undefined }) =>
    `cannot listen on ${address}: ${problem ?? 'something else has the port; end that or choose another port'}`,
  metadata: () => ({}),
});

export const addressForbidden = defineError({
  reason: 'ADDRESS_FORBIDDEN',
  code: Status.PERMISSION_DENIED,
  means: 'this user may not listen on the address',
  fix: 'set the port of `GRPC_LISTEN` or `METRICS_LISTEN` to 1024 or above',
  seenIn: 'start',
  text: ({ address }: { readonly address: string }) =>
    `cannot listen on ${address}: this user is not permitted to; choose a port from 1024 or permit it`,
  metadata: () => ({}),
});

/** A Unix socket in a folder in which this user may not create files. */
export const socketForbidden = addressForbidden.variant({
  text: ({ address, folder }: { readonly address: string; readonly folder: string }) =>
    `cannot listen on ${address}: this user may not create files in ${folder}; permit it or choose another folder`,
  metadata: () => ({}),
});

export const badListenAddress = defineError({
  reason: 'BAD_LISTEN_ADDRESS',
  code: Status.INVALID_ARGUMENT,
  means: 'the address is not valid or not on this machine',
  fix: 'set `GRPC_LISTEN`',
  seenIn: 'start',
  text: ({ address }: { readonly address: string }) =>
    `cannot listen on "${address}": use host:port, such as 127.0.0.1:50051 or [::1]:50051 (port 0: any free port)`,
  metadata: () => ({}),
});

/** The system refused for another reason. */
export const cannotListen = badListenAddress.variant({
  text: ({ address, problem }: { readonly address: string; readonly problem: string }) =>
    `cannot listen on ${address} (${problem}): choose an address of this machine`,
  metadata: () => ({}),
});

/** A Unix socket whose folder does not exist. */
export const socketFolderMissing = badListenAddress.variant({
  text: ({ address, folder }: { readonly address: string; readonly folder: string }) =>
    `cannot listen on ${address}: there is no folder ${folder}; create it or choose another path`,
  metadata: () => ({}),
});

/** The system refused a Unix socket for another reason. */
export const cannotMakeSocket = badListenAddress.variant({
  text: ({ address, problem }: { readonly address: string; readonly problem: string }) =>
    `cannot listen on ${address} (${problem}): choose another path`,
  metadata: () => ({}),
});

export const invalidTls = defineError({
  reason: 'INVALID_TLS',
  code: Status.INVALID_ARGUMENT,
  means: 'a key or certificate cannot be read, or they do not match',
  fix: 'provide matching PEM texts',
  seenIn: 'start',
  text: ({ whose, problem }: { readonly whose: string; readonly problem: string }) =>
    `TLS key and certificates ${whose} cannot be used (${problem}): provide matching PEM texts`,
  metadata: () => ({}),
});
