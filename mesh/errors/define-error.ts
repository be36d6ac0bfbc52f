import type { Status } from 'nice-grpc-common';
import { MeshError, type MeshErrorOptions } from './mesh-error.ts';

/** Values that are converted to metadata automatically: numbers as text, lists joined by commas, `undefined` not at all. */
type Fact = string | number | bigint | readonly string[] | undefined;

type Metadata = Readonly<Record<string, string | number | bigint>>;

export interface ErrorText<Facts> {
  /** For people: `<thing> <id> <state>: <action>`. The type of its parameter is the type of the facts. */
  readonly text: string | ((facts: Facts) => string);
  /** What callers get instead, if `text` names addresses, files or SQL. The log has `text`. Default: `text`. */
  readonly publicText?: string | ((facts: Facts) => string);
}

/** Facts of other types than string, number or list of strings need a `metadata` function. */
type ErrorMetadata<Facts> = [Facts] extends [{ readonly [Name in keyof Facts]: Fact }]
  ? { readonly metadata?: (facts: Facts) => Metadata }
  : { readonly metadata: (facts: Facts) => Metadata };

/** Where a reason shows up other than in the answer to a call; docs/errors.md has a table for each. */
export type SeenIn = 'start' | 'orders' | 'dead letters' | 'logs' | 'audits' | 'make damaged' | 'health';

/** A reason that comes without a code, such as that of an audit finding, and its row in docs/errors.md. */
export interface ReasonDefinition {
  /** UPPER_SNAKE and stable: callers decide by it. */
  readonly reason: string;
  /** What has happened. */
  readonly means: string;
  /** What its reader can do about it. */
  readonly fix: string;
  /** Default: in the answer to a call. */
  readonly seenIn?: SeenIn;
}

interface ErrorIdentity extends ReasonDefinition {
  /** Drives policy: what is retried, what counts as a refusal, what opens a breaker. See codes.ts. */
  readonly code: Status;
}

/** What `defineError` takes. */
export type ErrorSpec<Facts> = ErrorIdentity & ErrorText<Facts> & ErrorMetadata<Facts>;

/** An error that a folder throws: `throw userNotFound({ id })`. */
export interface ErrorDefinition<Facts> extends ErrorIdentity {
  /** Creates the error. `details` is what only the place that throws knows: the cause, a time to wait. */
  (facts: Facts, details?: Omit<MeshErrorOptions, 'metadata' | 'publicText'>): MeshError;
  /** Whether this is an error with this reason. */
  is(error: unknown): error is MeshError;
  /** Whether another definition has its row in docs/errors.md. */
  readonly isVariant: boolean;
  /** The same reason and code with another text, for another way to get there. */
  variant<Other = void>(spec: ErrorText<Other> & ErrorMetadata<Other>): ErrorDefinition<Other>;
}

/**
 * Defines an error once: its reason, code and text, and its row in docs/errors.md. The facts are sent to the caller as
 * metadata under their names in snake_case, unless `metadata` returns what to send instead.
 */
export function defineError<Facts = void>(spec: ErrorSpec<Facts>): ErrorDefinition<Facts> {
  const { reason, code, means, fix, seenIn } = spec;
  const identity = { reason, code, means, fix, ...(seenIn && { seenIn }) };
  const {
    text,
    publicText,
    metadata = sendFacts,
  }: ErrorText<Facts> & { readonly metadata?: (facts: Facts) => Metadata } = spec;
  const create = (facts: Facts, details?: Omit<MeshErrorOptions, 'metadata' | 'publicText'>) =>
    new MeshError(code, reason, typeof text === 'string' ? text : text(facts), {
      ...details,
      metadata: toTexts(metadata(facts)),
      publicText: typeof publicText === 'function' ? publicText(facts) : publicText,
    });
  return Object.assign(create, {
    ...identity,
    isVariant: false,
    is: (error: unknown): error is MeshError => error instanceof MeshError && error.reason === reason,
    variant: <Other = void>(other: ErrorText<Other> & ErrorMetadata<Other>) =>
      Object.assign(defineError<Other>({ ...identity, ...other }), { isVariant: true }),
  });
}

/** Defines a reason that comes without a code: `{ reason: chargeDiffers.reason, … }`. */
export function defineReason(definition: ReasonDefinition): ReasonDefinition {
  return definition;
}

function sendFacts(facts: unknown): Metadata {
  const entries = Object.entries((facts ?? {}) as Readonly<Record<string, Fact>>);
  return Object.fromEntries(
    entries.flatMap(([name, fact]) => {
      if (fact === undefined) return [];
      return [[toSnakeCase(name), typeof fact === 'object' ? fact.join(',') : fact]];
    }),
  );
}

function toTexts(metadata: Metadata): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
