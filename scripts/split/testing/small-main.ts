import { once } from 'node:events';
import { appendFileSync, existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';

// A process like one of the mesh, but small: it listens, says so and ends on SIGTERM. It sends its id and data folder to whoever connects.
// HISTORY is a file to which it adds its starts and ends. While the file STOP_BY exists, it does something wrong instead.

const { GRPC_LISTEN = '127.0.0.1:0', NAME = '', HISTORY = '', STOP_BY = '', FAULT = '', DATA_DIR = '' } = process.env;
const note = (text: string) => appendFileSync(HISTORY, `${NAME} ${text}\n`);

if (FAULT === 'cannot start' && existsSync(STOP_BY)) {
  process.stderr.write('cannot start: the port is in use\n');
  process.exit(2);
}
const server = createServer((socket) => socket.end(`${process.pid} ${DATA_DIR}`));
const [host, port] = GRPC_LISTEN.split(':');
await once(server.listen(Number(port), host), 'listening');
note('started');
process.on('SIGTERM', () => {
  if (FAULT === 'never ends') return;
  note('ended');
  process.exit(0);
});
process.stdout.write(`ready grpc=${host}:${(server.address() as AddressInfo).port}\n`);
