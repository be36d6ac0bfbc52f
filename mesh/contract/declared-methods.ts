import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescMethod, fromBinary, type Registry, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { Rate } from './contract.ts';
import { readPolicy } from './policy/policy.ts';

const kinds = {
  unary: 'unary',
  server_streaming: 'server-streaming',
  client_streaming: 'client-streaming',
  bidi_streaming: 'bidi-streaming',
} as const;

/** A method of a contract, as those see it who do not decode its messages. */
export interface DeclaredMethod {
  readonly kind: (typeof kinds)[keyof typeof kinds];
  /** Whether it has no side effects. */
  readonly readsOnly: boolean;
  /** Whether its requests have a `request_id`. */
  readonly hasRequestId: boolean;
  /** How often each caller may call it. `undefined`: any number of times. */
  readonly rate?: Rate | undefined;
}

/** The methods in a descriptor set, by path: `/user.v1.UserService/GetUser`. */
export function readDeclaredMethods(descriptors: URL): ReadonlyMap<string, DeclaredMethod> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const services = [...registry].filter((type) => type.kind === 'service');
  return new Map(
    services.flatMap(({ typeName, methods }) =>
      methods.map((method) => [`/${typeName}/${method.name}`, declaredMethod(method, registry)]),
    ),
  );
}

function declaredMethod(method: DescMethod, registry: Registry): DeclaredMethod {
  const { methodKind, idempotency, input } = method;
  return {
    kind: kinds[methodKind],
    readsOnly: idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    hasRequestId: input.field.requestId?.scalar === ScalarType.STRING,
    rate: readPolicy(method, registry).rate,
  };
}
