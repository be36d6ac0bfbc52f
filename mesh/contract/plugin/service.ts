import type { DescMessage, DescMethod, DescService, Registry } from '@bufbuild/protobuf';
import { indent, quote } from './generated-module.ts';
import { methodName } from './names.ts';
import { readPolicy } from './policy.ts';

/** The names that a service's contract refers to, imported. */
export interface ServiceImports {
  readonly definition: string;
  readonly serviceContract: string;
  /** The function that validates a message. */
  readonly validatorOf: (message: DescMessage) => string;
}

/** The contract of a service: its definition, and each method's rules and policy. */
export function printService(service: DescService, imports: ServiceImports, registry: Registry): string[] {
  const methods = service.methods.flatMap((method) => printMethod(method, imports, registry));
  return [
    `/** What the contract says of ${service.typeName} and its methods. */`,
    `export const ${service.name}Contract = {`,
    ...indent([`definition: ${imports.definition},`, 'methods: {', ...indent(methods), '},']),
    `} as const satisfies ${imports.serviceContract}<${imports.definition}>;`,
    '',
  ];
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
      `priority: ${quote(policy.priority)},`,
    ]),
    '},',
  ];
}
