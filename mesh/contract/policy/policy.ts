import { type DescMethod, type DescService, getOption, hasOption, type Registry, ScalarType } from '@bufbuild/protobuf';
import { type Duration, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import type { MethodContract, RetryableCode } from '../contract.ts';
import { ContractError } from '../contract-error.ts';
import { nanoseconds } from '../value-checks.ts';

const defaultTimeoutMs = 5_000;
const defaultMaxAttempts = 3;
/** The longest timer that Node has. */
const maxTimeoutMs = 2 ** 31 - 1;

const maxRate = 1_000_000;

/** The limit of gRPC's clients, who lower a higher number to it. */
const attemptsLimit = 5;

/** The policy of a method's calls. */
export type CallPolicy = Omit<MethodContract, 'validate' | 'resume' | 'access'>;

/** A `mesh.v1.MethodPolicy`: what a method or its service declares. Empty fields are zero, as protobuf has them. */
export interface DeclaredPolicy {
  readonly timeout?: Duration;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly retryableCodes: readonly number[];
  readonly breakerGroup: string;
  readonly noRequestIdReason: string;
  readonly idempotencyKeyRequired: boolean;
  /** A method's own replaces that of its service as a whole. */
  readonly access?: DeclaredAccess;
  /** A method's own replaces that of its service as a whole. */
  readonly rate?: DeclaredRate;
  /** Of a method only: a service has no default. */
  readonly resume?: DeclaredResume;
}

/** A `mesh.v1.Resume`: the names of two fields. */
export interface DeclaredResume {
  readonly requestField: string;
  readonly responseField: string;
}

/** A `mesh.v1.Rate`. */
export interface DeclaredRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A `mesh.v1.Access`. */
export interface DeclaredAccess {
  readonly anyone: boolean;
  readonly services: readonly string[];
  readonly roles: readonly string[];
  readonly owner?: DeclaredOwner;
}

/** A `mesh.v1.Owner`. */
export interface DeclaredOwner {
  readonly place:
    | { readonly case: 'requestField' | 'responseField'; readonly value: string }
    | { readonly case: 'checkedByHandler'; readonly value: boolean }
    | { readonly case: undefined; readonly value?: undefined };
}

const noPolicy: DeclaredPolicy = {
  maxAttempts: 0,
  priority: 0,
  retryableCodes: [],
  breakerGroup: '',
  noRequestIdReason: '',
  idempotencyKeyRequired: false,
};

/** Reads the policy of a method from its options, with the defaults of `mesh.v1` for what they leave out. */
export function readPolicy(method: DescMethod, registry: Registry): CallPolicy {
  const policy = declaredPolicy(method, registry);
  return {
    timeoutMs: timeoutMs(policy, method),
    idempotency: idempotency(method),
    maxAttempts: maxAttempts(policy, method),
    retryableCodes: retryableCodes(policy, method),
    breakerGroup: breakerGroup(policy, method),
    priority: priorityName(policy.priority, method),
    ...(policy.idempotencyKeyRequired && { idempotencyKeyRequired: true }),
    ...rate(policy, method),
    ...fieldMasks(method),
  };
}

/** Returns what a method declares and, for the fields that it leaves out, what its service does. */
export function declaredPolicy(method: DescMethod, registry: Registry): DeclaredPolicy {
  const own = ownPolicy(method, registry);
  const defaults = readOption(method.parent, 'mesh.v1.defaults', registry);
  const access = own.access ?? defaults.access;
  const rate = own.rate ?? defaults.rate;
  const timeout = own.timeout ?? (method.methodKind === 'unary' ? defaults.timeout : undefined);
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(access === undefined ? {} : { access }),
    ...(rate === undefined ? {} : { rate }),
    maxAttempts: own.maxAttempts || defaults.maxAttempts,
    priority: own.priority || defaults.priority,
    retryableCodes: own.retryableCodes.length > 0 ? own.retryableCodes : defaults.retryableCodes,
    breakerGroup: own.breakerGroup || defaults.breakerGroup,
    noRequestIdReason: own.noRequestIdReason || defaults.noRequestIdReason,
    idempotencyKeyRequired: own.idempotencyKeyRequired || defaults.idempotencyKeyRequired,
  };
}

/** Returns what a method itself declares. */
export function ownPolicy(method: DescMethod, registry: Registry): DeclaredPolicy {
  return readOption(method, 'mesh.v1.policy', registry);
}

function readOption(from: DescMethod | DescService, name: string, registry: Registry): DeclaredPolicy {
  const extension = registry.getExtension(name);
  // The option's type is known from the contract alone, not to the compiler.
  return extension && hasOption(from, extension) ? (getOption(from, extension) as DeclaredPolicy) : noPolicy;
}

function fieldMasks({ input }: DescMethod): Pick<CallPolicy, 'fieldMasks'> {
  const masks = input.fields.filter(
    ({ fieldKind, message }) => fieldKind === 'message' && message.typeName === 'google.protobuf.FieldMask',
  );
  return masks.length === 0 ? {} : { fieldMasks: masks.map(({ localName }) => localName) };
}

function timeoutMs({ timeout }: DeclaredPolicy, method: DescMethod): number | undefined {
  if (timeout === undefined) return method.methodKind === 'unary' ? defaultTimeoutMs : undefined;
  const milliseconds = Number(nanoseconds(timeout)) / 1e6;
  if (Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds <= maxTimeoutMs) return milliseconds;
  throw new ContractError(
    describe(method),
    `policy.timeout is ${milliseconds} ms; give whole milliseconds from 1 to ${maxTimeoutMs}`,
  );
}

function rate({ rate }: DeclaredPolicy, method: DescMethod): Pick<CallPolicy, 'rate'> {
  if (rate === undefined) return {};
  const { perSecond, burst = perSecond } = { ...rate, ...(rate.burst === 0 && { burst: undefined }) };
  for (const [name, value] of Object.entries({ per_second: perSecond, burst })) {
    if (value >= 1 && value <= maxRate) continue;
    throw new ContractError(describe(method), `policy.rate.${name} is ${value}; give 1 to ${maxRate}`);
  }
  return { rate: { perSecond, burst } };
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

function maxAttempts({ maxAttempts }: DeclaredPolicy, method: DescMethod): number {
  if (maxAttempts <= attemptsLimit) return maxAttempts || defaultMaxAttempts;
  throw new ContractError(
    describe(method),
    `policy.max_attempts is ${maxAttempts}; give 1 to ${attemptsLimit}, because other clients of gRPC make no more`,
  );
}

const retryableCodeNames: Readonly<Record<number, RetryableCode>> = {
  2: 'UNKNOWN',
  8: 'RESOURCE_EXHAUSTED',
  10: 'ABORTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
};

function retryableCodes({ retryableCodes: codes }: DeclaredPolicy, method: DescMethod): RetryableCode[] {
  if (codes.length === 0) return ['UNAVAILABLE'];
  return codes.map((code) => {
    const name = retryableCodeNames[code];
    if (name === undefined) throw new ContractError(describe(method), `policy.retryable_codes has ${code}: remove it`);
    return name;
  });
}

function breakerGroup({ breakerGroup: group }: DeclaredPolicy, method: DescMethod): string {
  if (/^[a-z][a-z0-9-]*$/.test(group)) return group;
  if (group === '') return idempotency(method) === 'no-side-effects' ? 'queries' : 'commands';
  throw new ContractError(
    describe(method),
    `policy.breaker_group ${JSON.stringify(group)} is not a valid name: use lowercase letters, digits and dashes`,
  );
}

const priorityNames: readonly CallPolicy['priority'][] = ['normal', 'critical', 'normal', 'bulk'];

function priorityName(priority: number, method: DescMethod): CallPolicy['priority'] {
  const name = priorityNames[priority];
  if (name === undefined) throw new ContractError(describe(method), `policy.priority ${priority} is unknown`);
  return name;
}

function describe(method: DescMethod): string {
  return `${method.parent.file.name}.proto: ${method.parent.typeName}.${method.name}`;
}
