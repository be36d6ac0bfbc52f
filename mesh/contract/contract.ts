import type { CompatServiceDefinition, TsProtoServiceDefinition } from 'nice-grpc';
import type { FieldViolation } from '../errors/field-violation.ts';

export type { FieldViolation };

/** Who is served last under overload: `bulk` is shed first, `critical` last. */
export type Priority = 'critical' | 'normal' | 'bulk';

/** A status code after which a client may call again. */
export type RetryableCode = 'UNKNOWN' | 'RESOURCE_EXHAUSTED' | 'ABORTED' | 'INTERNAL' | 'UNAVAILABLE';

/** The rules and the policy of one method, generated from the proto by `protoc-gen-mesh`. Server and client apply them. */
export interface MethodContract<Request = never> {
  /** Returns every broken rule of the request, in field order; none if the request is valid. */
  validate(request: Request): FieldViolation[];
  /** The deadline of a call that came without one. `undefined`: none (streams). */
  readonly timeoutMs: number | undefined;
  /**
   * Whether a call may be sent again. `by-request-id` is IDEMPOTENT with a `request_id`: the handler gets `once` and must
   * use it. `idempotent` is IDEMPOTENT without: the handler itself allows repetition.
   */
  readonly idempotency: 'no-side-effects' | 'by-request-id' | 'idempotent' | 'none';
  /** Maximum attempts, the first included; only used for methods that may be repeated. */
  readonly maxAttempts: number;
  /** The codes after which a client attempts it again; only used for methods that may be repeated. */
  readonly retryableCodes: readonly RetryableCode[];
  /** Clients have a breaker for each group of a service's methods. */
  readonly breakerGroup: string;
  readonly priority: Priority;
  /**
   * Whether a call over HTTP (REST, Connect, gRPC-Web) must have an `Idempotency-Key`. Default: false. Calls by gRPC may leave it
   * out.
   */
  readonly idempotencyKeyRequired?: boolean;
  /** Who may call it, once calls are authenticated. `undefined`: nobody. */
  readonly access?: AccessRule;
  /** How often each caller may call it. Default: as often as the server can. */
  readonly rate?: Rate;
  /** How the stream of responses continues after what its caller has received. Default: a new call starts over. */
  readonly resume?: StreamResume;
  /** The fields of the request that are a `google.protobuf.FieldMask`, whose paths have no order. Default: none. */
  readonly fieldMasks?: readonly string[];
}

/** How often one caller may call a method: a token bucket. */
export interface Rate {
  /** Calls that are added in a second. */
  readonly perSecond: number;
  /** The most that a caller can have left: so many it may make at once. */
  readonly burst: number;
}

/** Who may call a method, once calls are authenticated. A caller needs one of the rules. */
export interface AccessRule {
  /** Anyone, also without a token. Default: false. */
  readonly anyone?: boolean;
  /**
   * Services that may, such as `order`; `*`: each service of the mesh, except `edge` and `gateway`, which pass on calls
   * of users. Default: none.
   */
  readonly services?: readonly string[];
  /** Roles whose holders may, for all resources; `*`: each user. Default: none. */
  readonly roles?: readonly string[];
  /** Users may, for what belongs to them. Default: no. */
  readonly owner?: OwnerRule;
}

/** Where the id of the user stands to whom a resource belongs. One of the three. */
export type OwnerRule =
  /** In the request, before the handler runs. Path of properties, such as `userId`. */
  | { readonly in: 'request'; readonly path: readonly string[] }
  /** In each response, before it is sent: only for methods that change nothing. */
  | { readonly in: 'response'; readonly path: readonly string[] }
  /** In the database: the handler calls `context.assertOwner`. */
  | { readonly in: 'handler' };

/** Where a stream continues, by the names of properties. */
export interface StreamResume {
  /** The property of the request that says where to continue. */
  readonly after: string;
  /** The property of the request that `after` is a case of, if it is. */
  readonly oneof?: string;
  /** The property of the responses with the value for `after`. */
  readonly cursor: string;
  /** Whether the request has a `limit`, the maximum number of responses. */
  readonly hasLimit: boolean;
}

/** The request message of a method that ts-proto defines. */
export type RequestOf<Method> = Method extends { requestType: MessageOf<infer Request> } ? Request : never;

/** The response message of a method that ts-proto defines. */
export type ResponseOf<Method> = Method extends { responseType: MessageOf<infer Response> } ? Response : never;

interface MessageOf<Message> {
  decode(...input: never[]): Message;
}

/** A service's contract: ts-proto's definition and the rules of each method, by ts-proto's method name. */
export interface ServiceContract<
  Definition extends CompatServiceDefinition = CompatServiceDefinition,
  Handlers = unknown,
> {
  readonly definition: Definition;
  readonly methods: {
    readonly [Method in keyof Definition['methods']]: MethodContract<RequestOf<Definition['methods'][Method]>>;
  };
  /** Never set: it carries the type of the handlers to `serve`. */
  readonly handlers?: Handlers;
}

/** Returns the full name of a contract's service: `user.v1.UserService`. */
export function fullNameOf<Definition extends CompatServiceDefinition>(contract: ServiceContract<Definition>): string {
  // Contracts are generated, with ts-proto's definitions.
  return (contract.definition as unknown as TsProtoServiceDefinition).fullName;
}
