import { Status } from 'nice-grpc-common';
import type { FieldViolation } from '../contract/contract.ts';
import type { TextCleaner } from './foreign-text.ts';

const codes: ReadonlyMap<string, Status> = new Map(
  Object.entries(Status).filter((entry): entry is [string, Status] => typeof entry[1] === 'number' && entry[1] > 0),
);

/** What the body of a failed call says about it: by RFC 9457, as the edge and many other servers send it. */
export interface Problem {
  readonly code: Status | undefined;
  /** UPPER_SNAKE; empty if there is none. */
  readonly reason: string;
  /** Empty if there is none. */
  readonly detail: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

// More than any error of ours has: what a server sends must not fill the log.
const maxFacts = 32;
const maxViolations = 256;
const keyBytes = 100;
const factBytes = 500;
const detailBytes = 1_000;

/** Reads a problem from a parsed body, with clean texts. Members that are missing or have another type are left out. */
export function readProblem(body: unknown, clean: TextCleaner): Problem {
  const member = memberOf(body);
  const retryAfterMs = member('retry_after_ms');
  const reason = textOf(member('reason'));
  return {
    code: codeOf(member('code')),
    reason: /^[A-Z][A-Z0-9_]{0,62}$/.test(reason) ? reason : '',
    detail: clean(textOf(member('detail')) || textOf(member('message')) || textOf(member('title')), detailBytes),
    metadata: factsOf(member('metadata'), clean),
    violations: violationsOf(member('violations'), clean),
    requestId: textOf(member('request_id')) || undefined,
    retryAfterMs: typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined,
  };
}

function memberOf(value: unknown): (name: string) => unknown {
  if (typeof value !== 'object' || value === null) return () => undefined;
  return (name) => (Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** By its name: what other servers send as a number is not a code of ours. */
function codeOf(value: unknown): Status | undefined {
  return typeof value === 'string' ? codes.get(value) : undefined;
}

function factsOf(value: unknown, clean: TextCleaner): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  const facts = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(
    facts.slice(0, maxFacts).map(([name, fact]) => [clean(name, keyBytes), clean(fact, factBytes)]),
  );
}

function violationsOf(value: unknown, clean: TextCleaner): FieldViolation[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, maxViolations)
    .map(memberOf)
    .flatMap((member) => {
      const description = clean(textOf(member('description')), factBytes);
      return description === '' ? [] : [{ field: clean(textOf(member('field')), keyBytes), description }];
    });
}
