import { createServer } from 'node:net';
import { checkListen } from '../start-checks.ts';

// A worker of `node:cluster` for a test: `serve` answers connections to the address, `check` checks many times whether it could be listened on.

const [, , address = '', role = '', httpPort = ''] = process.argv;
const [host, port] = address.split(':');

if (role === 'serve') {
  createServer((socket) => socket.on('error', () => undefined).end('served')).listen(Number(port), host, () =>
    process.send?.('done'),
  );
} else {
  for (let count = 0; count < 500; count += 1) {
    await checkListen({ grpcListen: address, httpListen: `${host}:${httpPort}`, metricsListen: '' }, true);
  }
  process.send?.('done');
}
