import { type DescMessage, isFieldSet, type Message } from '@bufbuild/protobuf';
import { ContractError } from '../contract-error.ts';
import type { GeneratedModule } from './generated-module.ts';

/** One test in generated code. */
export interface Check {
  /** An expression that is true when the value breaks the rule. */
  readonly broken: string;
  /** The description of the violation: `must be at least 1`. */
  readonly description: string;
  /** An expression for a text. If it is empty, the description is `is required` instead. */
  readonly requiredText?: string;
}

/** The context of the rules of a field. */
export interface RuleContext {
  readonly module: GeneratedModule;
  /** Imports a function of `value-checks.ts`, `formats.ts` or `uri.ts`, and returns its name. */
  readonly runtime: (name: string, file: 'value-checks' | 'formats' | 'uri') => string;
  /** The field, for error texts: `order/v1/order.proto: order.v1.Order.items`. */
  readonly where: string;
}

/** Compiles one rule for the value that the expression `value` reads; `undefined` if the rule has no effect. */
export type RuleCompiler<Rules> = (rules: Rules, value: string, context: RuleContext) => Check | undefined;

/** The supported rules of one kind, by their names in `buf.validate`. */
export type RuleTable<Rules> = Readonly<Record<string, RuleCompiler<Rules>>>;

/**
 * Compiles all rules that are set, in the order in which `buf.validate` declares them. Throws a {@link ContractError} for
 * a rule that is not in the table: a rule is never skipped silently.
 */
export function compileRules<Rules extends Message>(
  schema: DescMessage,
  rules: Rules,
  table: RuleTable<Rules>,
  value: string,
  context: RuleContext,
): Check[] {
  rejectPredefined(schema, rules, context.where);
  const set = schema.fields.filter((field) => isFieldSet(rules, field) && field.name !== 'example');
  return set
    .map((field) => {
      const compile = table[field.name];
      if (compile === undefined) throw unsupported(context.where, `${ruleKind(schema)}.${field.name}`);
      return compile(rules, value, context);
    })
    .filter((check) => check !== undefined);
}

/** Creates the error for a rule that the generator does not support. */
export function unsupported(where: string, rule: string): ContractError {
  return new ContractError(
    where,
    `the rule ${rule} is not supported by protoc-gen-mesh: use another rule, or check it in the handler`,
  );
}

function rejectPredefined(schema: DescMessage, rules: Message, where: string): void {
  const [extension] = rules.$unknown ?? [];
  if (extension !== undefined) throw unsupported(where, `${ruleKind(schema)}.(predefined rule ${extension.no})`);
}

/** `buf.validate.UInt64Rules` is written `uint64` in a contract. */
function ruleKind(schema: DescMessage): string {
  return schema.name.replace(/Rules$/, '').toLowerCase();
}

/** Returns a number with its noun: `1 byte`, `2 bytes`. */
export function counted(count: bigint, noun: string): string {
  return `${count} ${noun}${count === 1n ? '' : 's'}`;
}
