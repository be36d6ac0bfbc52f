import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { credentials, status } from '@grpc/grpc-js';
import { detailsOf } from 'ordermesh-clients/calls';
import { Start, SubscribeRequest } from 'ordermesh-clients/events/v1/events';
import { HealthCheckResponse_ServingStatus, HealthClient } from 'ordermesh-clients/grpc/health/v1/health';
import * as v1 from 'ordermesh-clients/grpc/reflection/v1/reflection';
import * as v1alpha from 'ordermesh-clients/grpc/reflection/v1alpha/reflection';
import { CreateUserRequest } from 'ordermesh-clients/user/v1/user';
import { check, connect, type Run, withDeadline } from './connect.ts';

const userService = 'user.v1.UserService';

export async function badRequest({ mesh: { users } }: Run): Promise<void> {
  const user = { id: 'not an id', name: 'Ada', email: 'nobody' };
  const request = CreateUserRequest.fromPartial({ requestId: randomUUID(), user });
  const details = detailsOf(await errorOf(promisify(users.createUser.bind(users))(request)));
  const fields = details.violations.map(({ field }) => field);
  const isRight = details.code === status.INVALID_ARGUMENT && fields.join() === 'user.id,user.email';
  check(isRight, () => `got ${JSON.stringify(details)}`);
}

export async function errorInfo({ id, mesh: { users } }: Run): Promise<void> {
  const unknown = `${id}-unknown`;
  const details = detailsOf(await errorOf(promisify(users.getUser.bind(users))({ id: unknown })));
  const isRight = details.reason === 'USER_NOT_FOUND' && details.metadata.id === unknown;
  check(isRight, () => `got ${JSON.stringify(details)}`);
}

/** Follows a topic, which never ends by itself. */
export async function deadline({ mesh: { events } }: Run): Promise<void> {
  const request = SubscribeRequest.fromPartial({ topic: 'order.events' });
  const stream = events.subscribe(request, { deadline: Date.now() + 300 });
  checkCode(await errorOf(Array.fromAsync(stream)), status.DEADLINE_EXCEEDED);
}

export async function cancel({ mesh: { events } }: Run): Promise<void> {
  const from = { $case: 'start', value: Start.START_BEGINNING } as const;
  const stream = events.subscribe(SubscribeRequest.fromPartial({ topic: 'user.events', from }), withDeadline());
  await once(stream, 'data');
  stream.cancel();
  checkCode(await errorOf(once(stream, 'end')), status.CANCELLED);
}

export async function checkHealth({ address, mesh: { channelOverride } }: Run): Promise<void> {
  const health = new HealthClient(address, credentials.createInsecure(), { channelOverride });
  const checkService = promisify(health.check.bind(health));
  for (const service of ['', userService]) {
    const { status } = await checkService({ service });
    check(status === HealthCheckResponse_ServingStatus.SERVING, () => `"${service}" has status ${status}`);
  }
  checkCode(await errorOf(checkService({ service: 'unknown' })), status.NOT_FOUND);
}

export async function reflectV1({ address, mesh: { channelOverride } }: Run): Promise<void> {
  await reflect(new v1.ServerReflectionClient(address, credentials.createInsecure(), { channelOverride }));
}

export async function reflectV1Alpha({ address, mesh: { channelOverride } }: Run): Promise<void> {
  await reflect(new v1alpha.ServerReflectionClient(address, credentials.createInsecure(), { channelOverride }));
}

/** The messages of both versions are the same. */
async function reflect(client: v1.ServerReflectionClient | v1alpha.ServerReflectionClient): Promise<void> {
  const stream = client.serverReflectionInfo(withDeadline());
  stream.end({ host: '', messageRequest: { $case: 'listServices', value: '' } });
  const [response]: v1.ServerReflectionResponse[] = await Array.fromAsync(stream);
  const listed = response?.messageResponse;
  const names = listed?.$case === 'listServicesResponse' ? listed.value.service.map(({ name }) => name) : [];
  check(names.includes(userService), () => `reflection lists ${names}`);
}

/** Makes a call without a deadline on a channel whose config allows next to no time. */
export async function serviceConfig({ id, address, config, mesh }: Run): Promise<void> {
  await promisify(mesh.users.getUser.bind(mesh.users))({ id });
  const shortTimeouts = connect(address, config.replaceAll(/"timeout": "[^"]*"/g, '"timeout": "0.001s"'));
  const error = await errorOf(promisify(shortTimeouts.users.getUser.bind(shortTimeouts.users))({ id }));
  shortTimeouts.close();
  checkCode(error, status.DEADLINE_EXCEEDED);
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  const outcome = await call.then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`the call returned ${outcome.result}`);
}

function checkCode(error: unknown, expected: status): void {
  const { code, text } = detailsOf(error);
  check(code === expected, () => `got ${status[code]} ${text}, not ${status[expected]}`);
}
