import type { DescMessage, DescMethod, DescService, Registry } from '@bufbuild/protobuf';
import { accessOf, type Owner } from '../policy/access.ts';
import { readPolicy } from '../policy/policy.ts';
import { resumeOf } from '../policy/resume.ts';
import { indent, quote } from './generated-module.ts';
import { methodName, propertyName } from './names.ts';
import { isNarrowed, type TypeImports } from './valid-type.ts';

/** The names that a service's contract refers to, imported. */
export interface ServiceImports extends TypeImports {
  readonly definition: string;
  readonly serviceContract: string;
  readonly deepPartial: string;
  /** A type of `mesh/server/call-context.ts`. */
  readonly context: (name: 'MeshCallContext' | 'IdempotentCallContext') => string;
  /** The function that validates a message. */
  readonly validatorOf: (message: DescMessage) => string;
}

/** The name of the type of a service's handlers. */
export function handlersName(service: DescService): string {
  return `${service.name}Handlers`;
}

/** The type of a service's handlers, then its contract: the definition, and each method's rules and policy. */
export function printService(service: DescService, imports: ServiceImports, registry: Registry): string[] {
  const handlers = service.methods.map((method) => printHandler(method, imports, registry));
  const methods = service.methods.flatMap((method) => printMethod(method, imports, registry));
  return [
    `/** The handlers of ${service.typeName}. A request that is one message was validated. */`,
    `export interface ${handlersName(service)} {`,
    ...indent(handlers),
    '}',
    '',
    `/** The rules and the policy of ${service.typeName}, by method. */`,
    `export const ${service.name}Contract: ${imports.serviceContract}<${imports.definition}, ${handlersName(service)}> = {`,
    ...indent([`definition: ${imports.definition},`, 'methods: {', ...indent(methods), '},']),
    '};',
    '',
  ];
}

function printHandler(method: DescMethod, imports: ServiceImports, registry: Registry): string {
  const { context, deepPartial, typeOf, validTypeOf } = imports;
  const request = typeOf(method.input);
  const response = `${deepPartial}<${typeOf(method.output)}>`;
  const isStream = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  const valid = isNarrowed(method.input) ? validTypeOf(method.input) : request;
  const input = isStream ? `requests: AsyncIterable<${request}>` : `request: ${valid}`;
  const isUnary = method.methodKind === 'unary' || method.methodKind === 'client_streaming';
  const output = isUnary ? `Promise<${response}>` : `AsyncIterable<${response}>`;
  const contextType =
    readPolicy(method, registry).idempotency === 'by-request-id'
      ? `${context('IdempotentCallContext')}<${typeOf(method.output)}>`
      : context('MeshCallContext');
  return `${methodName(method)}(${input}, context: ${contextType}): ${output};`;
}

/** How the streams of a method are resumed, in the names of ts-proto. */
function printResume(method: DescMethod, registry: Registry): string[] {
  const resume = resumeOf(method, registry);
  if (resume === undefined) return [];
  const { after, cursor, limit } = resume;
  const parts = [
    `after: ${quote(propertyName(after))}`,
    ...(after.oneof ? [`oneof: ${quote(propertyName(after.oneof))}`] : []),
    `cursor: ${quote(propertyName(cursor))}`,
    `hasLimit: ${limit !== undefined}`,
  ];
  return [`resume: { ${parts.join(', ')} },`];
}

/** Who may call a method, in the names of ts-proto. */
function printAccess(method: DescMethod, registry: Registry): string[] {
  const access = accessOf(method, registry);
  if (access === undefined) return [];
  const { anyone, services, roles, owner } = access;
  const parts = [
    ...(anyone ? ['anyone: true'] : []),
    ...(services.length > 0 ? [`services: [${services.map(quote).join(', ')}]`] : []),
    ...(roles.length > 0 ? [`roles: [${roles.map(quote).join(', ')}]`] : []),
    ...(owner ? [`owner: ${printOwner(owner)}`] : []),
  ];
  return [`access: { ${parts.join(', ')} },`];
}

function printOwner(owner: Owner): string {
  if (owner.in === 'handler') return "{ in: 'handler' }";
  const path = owner.fields.map((field) => quote(propertyName(field))).join(', ');
  return `{ in: '${owner.in}', path: [${path}] }`;
}

function printMethod(method: DescMethod, { validatorOf }: ServiceImports, registry: Registry): string[] {
  const policy = readPolicy(method, registry);
  return [
    `${methodName(method)}: {`,
    ...indent([
      `validate: ${validatorOf(method.input)},`,
      `timeoutMs: ${policy.timeoutMs},`,
      `idempotency: ${quote(policy.idempotency)},`,
      `maxAttempts: ${policy.maxAttempts},`,
      `retryableCodes: [${policy.retryableCodes.map(quote).join(', ')}],`,
      `breakerGroup: ${quote(policy.breakerGroup)},`,
      `priority: ${quote(policy.priority)},`,
      ...(policy.idempotencyKeyRequired ? ['idempotencyKeyRequired: true,'] : []),
      ...printAccess(method, registry),
      ...(policy.rate ? [`rate: { perSecond: ${policy.rate.perSecond}, burst: ${policy.rate.burst} },`] : []),
      ...printResume(method, registry),
      ...(policy.fieldMasks ? [`fieldMasks: [${policy.fieldMasks.map(quote).join(', ')}],`] : []),
    ]),
    '},',
  ];
}
