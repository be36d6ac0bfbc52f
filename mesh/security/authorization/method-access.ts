import type { AccessRule, OwnerRule } from '../../contract/contract.ts';
import type { Caller } from '../../identity/caller.ts';
import { isDoor } from '../../identity/doors.ts';
import { permissionDenied, unauthenticated } from './errors.ts';

/** What has to be known of a call to decide about it. */
export interface AccessedCall {
  readonly path: string;
  readonly peer: string;
}

/** Is notified of each refusal, with what the caller would have needed. */
export type ReportDenial = (call: AccessedCall, caller: Caller, needs: string) => void;

/**
 * `all`: whatever belongs to whom. `staff`: the same, because of a role. `own`: only what belongs to the caller, which
 * is still to be checked.
 */
export type Admitted = 'all' | 'staff' | 'own';

const any = '*';

/** Who may call one method. The rule is compiled once, so a check is a few comparisons. */
export class MethodAccess {
  readonly owner: OwnerRule | undefined;
  readonly #anyone: boolean;
  readonly #services: readonly string[];
  readonly #roles: readonly string[];
  readonly #isForServices: boolean;
  readonly #isForUsers: boolean;
  readonly #ownerOf: (message: unknown) => unknown;
  readonly #report: ReportDenial;

  /** @param rule `undefined`: nobody may. */
  constructor(rule: AccessRule | undefined, report: ReportDenial) {
    const { anyone = false, services = [], roles = [], owner } = rule ?? {};
    this.owner = owner;
    this.#anyone = anyone;
    this.#services = services;
    this.#roles = roles;
    this.#isForServices = services.includes(any);
    this.#isForUsers = roles.includes(any);
    this.#ownerOf = owner === undefined || owner.in === 'handler' ? () => undefined : reader(owner.path);
    this.#report = report;
  }

  /** Throws UNAUTHENTICATED or PERMISSION_DENIED if the caller may not call the method at all. */
  admit(call: AccessedCall, caller: Caller): Admitted {
    if (this.#anyone) return 'all';
    const { subject } = caller;
    const service = caller.service === undefined || isDoor(caller.service) ? undefined : caller.service;
    if (caller.service !== undefined && this.#services.includes(caller.service)) return 'all';
    if (service !== undefined && this.#isForServices) return 'all';
    if (subject) {
      if (this.#isForUsers) return 'all';
      if (this.#hasRole(caller)) return 'staff';
      if (this.owner !== undefined) return 'own';
    }
    this.#report(call, caller, this.needs);
    throw service === undefined && !subject
      ? unauthenticated({ path: call.path })
      : permissionDenied({ path: call.path, subject, service });
  }

  /** Returns the field of a request, or of a response, that has the owner; `undefined` if it is not text. */
  ownerOf(message: unknown): string | undefined {
    const owner = this.#ownerOf(message);
    return typeof owner === 'string' ? owner : undefined;
  }

  /** Throws PERMISSION_DENIED unless the owner is the caller. */
  assertIs(call: AccessedCall, caller: Caller, owner: string | undefined): void {
    if (caller.subject && owner === caller.subject) return;
    this.#report(call, caller, this.needs);
    throw permissionDenied({ path: call.path, subject: caller.subject, service: caller.service });
  }

  /** What a caller needs, for the log: `service order, role operator or owner (request userId)`. */
  get needs(): string {
    const { owner } = this;
    const parts = [
      ...this.#services.map((name) => (name === any ? 'any service' : `service ${name}`)),
      ...this.#roles.map((name) => (name === any ? 'any user' : `role ${name}`)),
      ...(owner ? [`owner (${owner.in === 'handler' ? 'handler' : `${owner.in} ${owner.path.join('.')}`})`] : []),
    ];
    return parts.length === 0 ? 'a rule, which the method does not have' : parts.join(' or ');
  }

  #hasRole({ roles }: Caller): boolean {
    for (const role of roles) if (this.#roles.includes(role)) return true;
    return false;
  }
}

/**
 * Returns what reads a field of a message, such as `order.userId`; `undefined` where a message on the way is missing.
 */
function reader(path: readonly string[]): (message: unknown) => unknown {
  const [first = '', ...rest] = path;
  const readFirst = (message: unknown) => (message as Readonly<Record<string, unknown>> | undefined)?.[first];
  if (rest.length === 0) return readFirst;
  const readRest = reader(rest);
  return (message) => readRest(readFirst(message));
}
