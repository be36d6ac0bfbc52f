import { readFile } from 'node:fs/promises';
import { createFileRegistry, type DescMethod, type DescService, fromBinary, type Registry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { contractDescriptors } from '../../mesh/contract/declared-services.ts';
import { type CallPolicy, declaredPolicy, readPolicy } from '../../mesh/contract/policy/policy.ts';
import { resumeOf } from '../../mesh/contract/policy/resume.ts';
import { type HttpRoute, readHttpRoutes } from '../../mesh/edge/rules/http-routes.ts';
import { accessRow, describeAccess } from './access-tables.ts';

/** The methods of a service as `docs/methods.md` shows them. */
export interface MethodTable {
  /** `user.v1.UserService`. */
  readonly service: string;
  readonly rows: readonly (readonly string[])[];
}

export const methodColumns = [
  'method',
  'HTTP',
  'deadline',
  'safe to repeat',
  'attempts',
  'breaker',
  'priority',
  'who may call',
  'rate of a caller',
  'resumed by',
];

/** Returns a table of the methods of each service of ours, sorted by name. */
export function methodTables(): Promise<MethodTable[]> {
  return tablesOf(rowOf);
}

/** Returns a table of the methods and who may call them for each service of ours, sorted by name. */
export function accessTables(): Promise<MethodTable[]> {
  return tablesOf(accessRow);
}

type RowOf = (method: DescMethod, registry: Registry, routes: readonly HttpRoute[] | undefined) => string[];

async function tablesOf(rowOf: RowOf): Promise<MethodTable[]> {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors)));
  const services = [...registry].filter(
    (type): type is DescService => type.kind === 'service' && !type.file.proto.package.startsWith('grpc.'),
  );
  const paths = Map.groupBy(readHttpRoutes(registry), ({ method }) => method);
  return services
    .map((service) => ({
      service: service.typeName,
      rows: service.methods.map((method) => rowOf(method, registry, paths.get(method))),
    }))
    .sort((a, b) => a.service.localeCompare(b.service));
}

function rowOf(method: DescMethod, registry: Registry, routes: readonly HttpRoute[] = []): string[] {
  const policy = readPolicy(method, registry);
  const resume = resumeOf(method, registry);
  const { noRequestIdReason } = declaredPolicy(method, registry);
  return [
    `\`${method.name}\``,
    routes.map(({ verb, template }) => `\`${verb} ${template.source}\``).join('<br>'),
    policy.timeoutMs === undefined ? 'none' : `${policy.timeoutMs / 1_000} s`,
    repeatable(policy, noRequestIdReason) + (policy.idempotencyKeyRequired ? ', required over HTTP' : ''),
    attempts(policy),
    policy.breakerGroup,
    policy.priority,
    describeAccess(method, registry),
    policy.rate === undefined ? '' : `${policy.rate.perSecond}/s, ${policy.rate.burst} at once`,
    resume === undefined ? '' : `\`${resume.after.name}\``,
  ];
}

function repeatable({ idempotency }: CallPolicy, reason: string): string {
  switch (idempotency) {
    case 'no-side-effects':
      return 'reads only';
    case 'by-request-id':
      return 'by `request_id`';
    case 'idempotent':
      return reason === '' ? 'by `request_id`' : `yes: ${reason}`;
    case 'none':
      return reason === '' ? 'no' : `no: ${reason}`;
  }
}

function attempts({ idempotency, maxAttempts, retryableCodes }: CallPolicy): string {
  if (idempotency === 'none' || maxAttempts === 1) return '1';
  return `${maxAttempts}, after ${retryableCodes.join(' or ')}`;
}
