import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  getOption,
  hasOption,
  type Registry,
  ScalarType,
} from '@bufbuild/protobuf';
import {
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { ContractError } from '../../mesh/contract/contract-error.ts';
import { accessOf } from '../../mesh/contract/policy/access.ts';
import { declaredPolicy, ownPolicy } from '../../mesh/contract/policy/policy.ts';
import { serviceNameOf } from '../../mesh/discovery/discovery.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { IDEMPOTENCY_UNKNOWN, NO_SIDE_EFFECTS } = MethodOptions_IdempotencyLevel;

/**
 * Returns the methods whose contract leaves open how long a call may take, who may make it, whether it may be
 * repeated, or what an unknown enum value means, one a line: `user/v1/user.proto:16: CreateUser …`. Third-party
 * contracts are not checked.
 */
export function findPolicyFaults(descriptors: FileDescriptorSet): string[] {
  const registry = createFileRegistry(descriptors);
  return ownServices(registry)
    .flatMap(({ methods }) => methods)
    .flatMap((method) => faultsOf(method, registry).map((fault) => `${placeOf(method)}: ${method.name} ${fault}`));
}

function faultsOf(method: DescMethod, registry: Registry): string[] {
  const { timeout, noRequestIdReason, idempotencyKeyRequired } = declaredPolicy(method, registry);
  const isQuery = method.idempotency === NO_SIDE_EFFECTS;
  const hasRequestId = method.input.field.requestId?.scalar === ScalarType.STRING;
  const faults: string[] = [];
  if (method.methodKind === 'unary' && timeout === undefined) {
    faults.push(
      `has no deadline: set timeout in its (mesh.v1.policy), or in the (mesh.v1.defaults) of ${method.parent.name}`,
    );
  }
  if (!isQuery && !hasRequestId && noRequestIdReason === '') {
    faults.push(
      `changes something, but ${method.input.name} has no request_id: add "string request_id"; or, if it is safe without, ` +
        'give no_request_id_reason in its (mesh.v1.policy); or, if it only reads, set idempotency_level = NO_SIDE_EFFECTS',
    );
  }
  if (method.methodKind === 'unary' && hasRequestId && method.idempotency === IDEMPOTENCY_UNKNOWN) {
    faults.push('has a request_id, but is not retried: set idempotency_level = IDEMPOTENT');
  }
  if (noRequestIdReason !== '' && (isQuery || hasRequestId)) {
    faults.push(`${isQuery ? 'only reads' : 'has a request_id'}: remove its no_request_id_reason`);
  }
  if (idempotencyKeyRequired && (isQuery || method.methodKind !== 'unary' || !hasRequestId)) {
    faults.push(
      `requires an idempotency key, but ${isQuery ? 'only reads' : 'stores no response under a request_id'}: ` +
        'remove idempotency_key_required',
    );
  }
  if (idempotencyKeyRequired && !hasHttpRule(method, registry)) {
    faults.push('requires an idempotency key over HTTP, but has no google.api.http: remove idempotency_key_required');
  }
  const { maxAttempts, retryableCodes } = ownPolicy(method, registry);
  if (method.idempotency === IDEMPOTENCY_UNKNOWN && (maxAttempts > 1 || retryableCodes.length > 0)) {
    faults.push('is never retried: remove its max_attempts and retryable_codes, or set its idempotency_level');
  }
  const after = method.input.fields.find(({ name }) => name.startsWith('after_'));
  if (
    method.methodKind === 'server_streaming' &&
    after !== undefined &&
    ownPolicy(method, registry).resume === undefined
  )
    faults.push(`takes ${after.name}, but does not say what to set there: set resume in its (mesh.v1.policy)`);
  return [
    ...faults,
    ...accessFaults(method, registry),
    ...openEnums(method.input, registry).map((field) => `takes any value of ${field}: ${definedOnly}`),
  ];
}

function accessFaults(method: DescMethod, registry: Registry): string[] {
  try {
    const access = accessOf(method, registry);
    if (access !== undefined) return unknownServices(access.services, registry);
    const { name } = method.parent;
    return [
      `does not say who may call it: set access in its (mesh.v1.policy), or in the (mesh.v1.defaults) of ${name}`,
    ];
  } catch (error) {
    if (error instanceof ContractError) return [error.message];
    throw error;
  }
}

/** A rule for a service that does not exist, such as one with a spelling mistake, is for nobody. */
function unknownServices(services: readonly string[], registry: Registry): string[] {
  const known = new Set(ownServices(registry).map(({ typeName }) => serviceNameOf(typeName)));
  return services
    .filter((name) => name !== '*' && !known.has(name))
    .map(
      (name) =>
        `lets service ${name} call it, which has no contract: name the first part of the package of its contracts, ` +
        `one of ${[...known].toSorted().join(', ')}`,
    );
}

/** The services of the contracts, without those of third parties. */
function ownServices(registry: Registry): DescService[] {
  return [...registry]
    .filter((type) => type.kind === 'service')
    .filter(({ file }) => !/^(google|grpc)\./.test(file.proto.package));
}

function hasHttpRule(method: DescMethod, registry: Registry): boolean {
  const extension = registry.getExtension('google.api.http');
  return extension !== undefined && hasOption(method, extension);
}

const definedOnly = 'set (buf.validate.field).enum.defined_only = true, so a value of a newer contract is refused';

/** The enum fields of a request and the messages in it that may have unknown values. A handler would ignore these. */
function openEnums(message: DescMessage, registry: Registry, above: readonly DescMessage[] = []): string[] {
  if (above.includes(message) || /^(google|grpc)\./.test(message.file.proto.package)) return [];
  return message.fields.flatMap((field) => {
    if (field.message) return openEnums(field.message, registry, [...above, message]);
    return field.enum && !isDefinedOnly(field, registry) ? [`${message.name}.${field.name}`] : [];
  });
}

type Rules = {
  readonly type: {
    readonly case?: string;
    readonly value?: { readonly definedOnly?: boolean; readonly items?: Rules };
  };
};

function isDefinedOnly(field: DescField, registry: Registry): boolean {
  const extension = registry.getExtension('buf.validate.field');
  // The option's type is known from the contract alone, not to the compiler.
  const { value } = extension ? (getOption(field, extension) as Rules).type : {};
  return (value?.items?.type.value ?? value)?.definedOnly === true;
}

/** The path and line of a method, from the positions in the descriptors. */
function placeOf({ parent, proto }: DescMethod): string {
  const path = [6, parent.file.proto.service.indexOf(parent.proto), 2, parent.proto.method.indexOf(proto)].join();
  const location = parent.file.proto.sourceCodeInfo?.location.find((each) => each.path.join() === path);
  return `${parent.file.name}.proto:${(location?.span[0] ?? 0) + 1}`;
}

if (import.meta.main) {
  const built = execFileSync('buf', ['build', '--as-file-descriptor-set', '--output', '-'], {
    cwd: root,
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for (const fault of findPolicyFaults(fromBinary(FileDescriptorSetSchema, built))) {
    console.error(`proto/${fault}`);
    process.exitCode = 1;
  }
}
