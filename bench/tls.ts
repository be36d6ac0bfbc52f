import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { GetUserRequest } from '#gen/user/v1/user.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { TestAuthority } from '../mesh/testing/x509/test-authority.ts';
import { type Benchmark, compared, type Figure } from './figure.ts';
import { h2load } from './support/h2load.ts';
import { compareRates, median } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';
import { userOf } from './support/user-of.ts';
import { importUsers } from './support/users.ts';

const users = 1_000;
const calls = 20_000;
const handshakes = 400;
const handshakesAtOnce = 20;
const rounds = 5;

/**
 * GetUser of the whole mesh over TLS next to the same without, and what a connection with certificates
 * of both sides costs.
 */
export const benchTls: Benchmark = async () => {
  await using plainFolder = await tempFolder();
  await using secureFolder = await tempFolder();
  await fill(secureFolder.path);
  await using plain = await startServer({ dataDir: plainFolder.path });
  await importUsers(plain, users);
  const { environment, client } = await makeFiles(secureFolder.path);
  await using secure = await startServer({ dataDir: secureFolder.path, environment });
  const { ours, peers } = await compareRates([secure, plain], (server) => getUsers(server, server === secure));
  return [compared('GetUser over TLS, calls/s of one core', ours, peers, 0.7), await shakeHands(secure, client)];
};

/** The server with TLS needs the users before it starts: those who import them have no certificate. */
async function fill(dataDir: string): Promise<void> {
  await using server = await startServer({ dataDir });
  await importUsers(server, users);
  await server.stop();
}

async function makeFiles(folder: string) {
  const ca = TestAuthority.create();
  const { key, cert } = ca.issueFor('user');
  const path = (name: string) => join(folder, `${name}.pem`);
  await Promise.all(Object.entries({ key, cert, ca: ca.cert }).map(([name, pem]) => writeFile(path(name), pem)));
  // h2load has no certificate of its own.
  const tls = { TLS_KEY: path('key'), TLS_CERT: path('cert'), TLS_CA: path('ca'), TLS_CLIENTS: 'optional' };
  return { environment: tls, client: { ...ca.issueFor('order'), ca: ca.cert, servername: 'localhost' } };
}

async function getUsers({ address }: LoadedServer, isSecure: boolean): Promise<number> {
  const request = GetUserRequest.encode({ id: userOf(users / 2).id }).finish();
  const path = '/user.v1.UserService/GetUser';
  await h2load({ address, path, request, calls, connections: 4, concurrentCalls: 32, isSecure });
  return calls;
}

async function shakeHands(server: LoadedServer, client: object): Promise<Figure> {
  const [host, port] = server.address.split(':');
  const shakeOne = async () => {
    const socket = connect({ host, port: Number(port), ...client, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    // The client has finished before the server has checked its certificate, and sent its settings.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
  };
  const some = async () => {
    for (let done = 0; done < handshakes / handshakesAtOnce; done += 1) await shakeOne();
  };
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const before = server.cpuSeconds();
    await Promise.all(Array.from({ length: handshakesAtOnce }, some));
    if (round > 0) rates.push(handshakes / (server.cpuSeconds() - before));
  }
  const value = `${Math.round(median(rates)).toLocaleString('en')}/s`;
  return { name: '  handshakes with certificates of both, of one core', value, target: '', met: true };
}
