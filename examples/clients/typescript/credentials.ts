// Calls a mesh with a certificate and a token, and shows how it refuses wrong ones.
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { type ChannelCredentials, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { GetOrderRequest, OrderServiceClient } from 'ordermesh-clients/order/v1/order';
import { type User, UserServiceClient } from 'ordermesh-clients/user/v1/user';
import { check } from './connect.ts';

const { TLS_CA = '', TLS_CERT = '', TLS_KEY = '', ORDERMESH_TOKEN = '' } = process.env;
const { USER_ID = '', OTHER_CA = '', OTHER_ORDER = '' } = process.env;

/**
 * Returns the credentials of a channel: TLS to a mesh whose certificate the CA has signed, a certificate of the
 * program's own, with the files TLS_CERT and TLS_KEY, and a token with each call.
 */
function credentialsWith(caFile: string, token?: string): ChannelCredentials {
  const tls = credentials.createSsl(readFileSync(caFile), readFileSync(TLS_KEY), readFileSync(TLS_CERT));
  if (token === undefined) return tls;
  const bearer = credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    callback(null, metadata);
  });
  return credentials.combineChannelCredentials(tls, bearer);
}

/** Returns the name of a setting that is not set. */
export function missingSetting(): string | undefined {
  const settings = { TLS_CA, TLS_CERT, TLS_KEY, ORDERMESH_TOKEN, USER_ID, OTHER_CA, OTHER_ORDER };
  return Object.entries(settings).find(([, value]) => value === '')?.[0];
}

export const credentialBehaviours = [
  {
    name: 'certificate-and-token',
    async show(address: string) {
      const user = await getUser(address, credentialsWith(TLS_CA, ORDERMESH_TOKEN));
      check(user.id === USER_ID, () => `got ${JSON.stringify(user)}`);
    },
  },
  {
    name: 'no-token',
    show: (address: string) => expectCode(getUser(address, credentialsWith(TLS_CA)), status.UNAUTHENTICATED),
  },
  {
    name: 'other-ca',
    show: (address: string) =>
      expectCode(getUser(address, credentialsWith(OTHER_CA, ORDERMESH_TOKEN)), status.UNAVAILABLE),
  },
  {
    name: 'other-user',
    async show(address: string) {
      const orders = new OrderServiceClient(address, credentialsWith(TLS_CA, ORDERMESH_TOKEN));
      const order = promisify(orders.getOrder.bind(orders))(GetOrderRequest.fromPartial({ id: OTHER_ORDER }));
      await expectCode(order, status.PERMISSION_DENIED).finally(() => orders.close());
    },
  },
];

async function getUser(address: string, channel: ChannelCredentials): Promise<User> {
  const users = new UserServiceClient(address, channel);
  return await promisify(users.getUser.bind(users))({ id: USER_ID }).finally(() => users.close());
}

async function expectCode(call: Promise<unknown>, expected: status): Promise<void> {
  const ended = await call.then(JSON.stringify, (error: ServiceError) => error.code);
  check(ended === expected, () => `got ${ended}, not ${expected}`);
}
