import { once } from 'node:events';
import { appendFileSync, existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// A process like one of the mesh, but small: it listens, says so and ends on SIGTERM. It sends its id and data folder to whoever connects.
// HISTORY is a file to which it adds its starts and ends. While the file STOP_BY exists, it does something wrong or waits instead.

const { GRPC_LISTEN = '127.0.0.1:0', NAME = '', HISTORY = '', STOP_BY = '', FAULT = '', DATA_DIR = '' } = process.env;
const note = (text: string) => appendFileSync(HISTORY, `${NAME} ${text}\n`);

if (FAULT === 'cannot start' && existsSync(STOP_BY)) {
  process.stderr.write('cannot start: the port is in use\n');
  process.exit(2);
}
const untilFree = async () => {
  while (existsSync(STOP_BY)) await sleep(20);
};

if (FAULT === 'starts late') await untilFree();
const server = createServer((socket) => socket.end(`${process.pid} ${DATA_DIR}`));
const [host, port] = GRPC_LISTEN.split(':');
await once(server.listen(Number(port), host), 'listening');
note('started');
let signals = 0;
process.on('SIGTERM', async () => {
  signals += 1;
  if (FAULT === 'never ends') return;
  if (FAULT === 'drains') {
    note(signals === 1 ? 'drains' : 'is cut off');
    await untilFree();
    if (signals > 1) process.exit(1);
  }
  note('ended');
  process.exit(0);
});
process.stderr.write(`${NAME} serves\n`);
process.stdout.write(`ready grpc=${host}:${(server.address() as AddressInfo).port}\n`);
