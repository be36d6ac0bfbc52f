import type { CompatServiceDefinition } from 'nice-grpc';

/** One broken rule: `field` is the path as in the proto (`items[2].sku`), `description` says what the value must be. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** Who is served last under overload: `bulk` is shed first, `critical` last. */
export type Priority = 'critical' | 'normal' | 'bulk';

/**
 * What the contract says of one method beyond its types. Generated from the proto by `protoc-gen-mesh`; server and
 * client apply it, nobody writes it by hand.
 */
export interface MethodContract {
  /** Every broken rule of the request, all fields, in field order; empty when the request is valid. */
  readonly validate: (request: never) => FieldViolation[];
  /** The deadline of a call that came without one. `undefined`: none (streams). */
  readonly timeoutMs: number | undefined;
  /** Whether a call may be sent again: NO_SIDE_EFFECTS, or IDEMPOTENT by its `request_id`. */
  readonly idempotency: 'no-side-effects' | 'idempotent' | 'none';
  /** Tries in all, the first included; only used where the method may be repeated. */
  readonly maxAttempts: number;
  readonly priority: Priority;
}

/** A service's contract: ts-proto's definition and the rules of each method, by ts-proto's method name. */
export interface ServiceContract<Definition extends CompatServiceDefinition = CompatServiceDefinition> {
  readonly definition: Definition;
  readonly methods: { readonly [Method in keyof Definition['methods']]: MethodContract };
}
