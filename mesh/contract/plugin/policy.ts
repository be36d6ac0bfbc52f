import {
  type DescExtension,
  type DescMethod,
  getOption,
  hasOption,
  type Registry,
  ScalarType,
} from '@bufbuild/protobuf';
import { type Duration, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { MethodContract } from '../contract.ts';
import { nanoseconds } from '../value-checks.ts';
import { GenerationError } from './generation-error.ts';

const defaultTimeoutMs = 5_000;
const defaultMaxAttempts = 3;
/** The longest timer that Node has. */
const maxTimeoutMs = 2 ** 31 - 1;

/** The policy of a method's calls. */
export type CallPolicy = Omit<MethodContract, 'validate'>;

/** `mesh.v1.MethodPolicy` as read from an option. */
interface MethodPolicy {
  readonly timeout?: Duration;
  readonly maxAttempts: number;
  readonly priority: number;
}

const noPolicy: MethodPolicy = { maxAttempts: 0, priority: 0 };

/** Reads the policy of a method from its options, with the defaults of `mesh.v1` for what they leave out. */
export function readPolicy(method: DescMethod, registry: Registry): CallPolicy {
  const extension = registry.getExtension('mesh.v1.policy');
  const policy = extension === undefined ? noPolicy : readOption(method, extension);
  return {
    timeoutMs: timeoutMs(policy, method),
    idempotency: idempotency(method),
    maxAttempts: policy.maxAttempts === 0 ? defaultMaxAttempts : policy.maxAttempts,
    priority: priorityName(policy.priority, method),
    ...fieldMasks(method),
  };
}

function fieldMasks({ input }: DescMethod): Pick<CallPolicy, 'fieldMasks'> {
  const masks = input.fields.filter(
    ({ fieldKind, message }) => fieldKind === 'message' && message.typeName === 'google.protobuf.FieldMask',
  );
  return masks.length === 0 ? {} : { fieldMasks: masks.map(({ localName }) => localName) };
}

function readOption(method: DescMethod, extension: DescExtension): MethodPolicy {
  // The option's type is known from the contract alone, not to the compiler.
  return hasOption(method, extension) ? (getOption(method, extension) as MethodPolicy) : noPolicy;
}

function timeoutMs({ timeout }: MethodPolicy, method: DescMethod): number | undefined {
  if (timeout === undefined) return method.methodKind === 'unary' ? defaultTimeoutMs : undefined;
  const milliseconds = Number(nanoseconds(timeout)) / 1e6;
  if (Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds <= maxTimeoutMs) return milliseconds;
  throw new GenerationError(
    describe(method),
    `policy.timeout is ${milliseconds} ms; give whole milliseconds from 1 to ${maxTimeoutMs}`,
  );
}

function idempotency(method: DescMethod): CallPolicy['idempotency'] {
  switch (method.idempotency) {
    case MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS:
      return 'no-side-effects';
    case MethodOptions_IdempotencyLevel.IDEMPOTENT:
      return hasRequestId(method) ? 'by-request-id' : 'idempotent';
    case MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN:
      return 'none';
  }
}

// The response to a stream, and a stream of responses, are not stored.
function hasRequestId({ methodKind, input }: DescMethod): boolean {
  return methodKind === 'unary' && input.field.requestId?.scalar === ScalarType.STRING;
}

const priorityNames: readonly CallPolicy['priority'][] = ['normal', 'critical', 'normal', 'bulk'];

function priorityName(priority: number, method: DescMethod): CallPolicy['priority'] {
  const name = priorityNames[priority];
  if (name === undefined) throw new GenerationError(describe(method), `policy.priority ${priority} is unknown`);
  return name;
}

function describe(method: DescMethod): string {
  return `${method.parent.file.name}.proto: ${method.parent.typeName}.${method.name}`;
}
