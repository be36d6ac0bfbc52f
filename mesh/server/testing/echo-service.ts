import { User } from '../../../gen/ts/user/v1/user.ts';
import type { FieldViolation, MethodContract } from '../../contract/contract.ts';
import type { MeshCallContext } from '../call-context.ts';
import { type ServedContract, serve } from '../serve.ts';

const types = { requestType: User, responseType: User, options: {} } as const;

/** A service with each kind of call, all from User to User, in ts-proto's shape. */
export const EchoDefinition = {
  name: 'EchoService',
  fullName: 'test.v1.EchoService',
  methods: {
    one: { ...types, name: 'One', requestStream: false, responseStream: false },
    many: { ...types, name: 'Many', requestStream: false, responseStream: true },
    collect: { ...types, name: 'Collect', requestStream: true, responseStream: false },
    chat: { ...types, name: 'Chat', requestStream: true, responseStream: true },
  },
} as const;

export interface EchoHandlers {
  one(request: User, context: MeshCallContext): Promise<Partial<User>>;
  many(request: User, context: MeshCallContext): AsyncIterable<Partial<User>>;
  collect(requests: AsyncIterable<User>, context: MeshCallContext): Promise<Partial<User>>;
  chat(requests: AsyncIterable<User>, context: MeshCallContext): AsyncIterable<Partial<User>>;
}

/** Handlers that return what they receive: `many` five times, `collect` the names joined. */
export const echoHandlers: EchoHandlers = {
  one: async (request) => request,
  async *many(request) {
    for (let index = 0; index < 5; index += 1) yield { ...request, id: String(index) };
  },
  async collect(requests) {
    const names = [];
    for await (const { name } of requests) names.push(name);
    return User.fromPartial({ name: names.join(',') });
  },
  async *chat(requests) {
    for await (const request of requests) yield request;
  },
};

/** The service with some handlers replaced. */
export function echoService(
  handlers: Partial<EchoHandlers> = {},
  contract: Partial<MethodContract> = {},
): ServedContract {
  const method: MethodContract = {
    validate: () => [],
    timeoutMs: undefined,
    idempotency: 'none',
    maxAttempts: 1,
    retryableCodes: [],
    breakerGroup: 'commands',
    priority: 'normal',
    ...contract,
  };
  const methods = { one: method, many: method, collect: method, chat: method };
  return serve({ definition: EchoDefinition, methods }, { ...echoHandlers, ...handlers });
}

/** A rule for tests: name and e-mail address are required. */
export function needsNameAndEmail(request: User): FieldViolation[] {
  const fields = ['name', 'email'] as const;
  return fields.filter((field) => request[field] === '').map((field) => ({ field, description: 'must not be empty' }));
}
