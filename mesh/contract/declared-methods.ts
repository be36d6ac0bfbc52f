import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescMethod, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';

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
}

/** The methods in a descriptor set, by path: `/user.v1.UserService/GetUser`. */
export function readDeclaredMethods(descriptors: URL): ReadonlyMap<string, DeclaredMethod> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  const services = [...registry].filter((type) => type.kind === 'service');
  return new Map(
    services.flatMap(({ typeName, methods }) =>
      methods.map((method) => [`/${typeName}/${method.name}`, declaredMethod(method)]),
    ),
  );
}

function declaredMethod({ methodKind, idempotency, input }: DescMethod): DeclaredMethod {
  return {
    kind: kinds[methodKind],
    readsOnly: idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    hasRequestId: input.field.requestId?.scalar === ScalarType.STRING,
  };
}
