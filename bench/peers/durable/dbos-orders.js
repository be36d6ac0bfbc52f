// Four empty steps on DBOS, by POST /order/place. PORT: where it listens. DATABASE_URL: the database of DBOS.
import { createServer } from 'node:http';
import { DBOS } from '@dbos-inc/dbos-sdk';

const steps = ['reserve', 'charge', 'ship', 'commit'];
DBOS.setConfig({
  name: 'orders',
  systemDatabaseUrl: process.env.DATABASE_URL,
  logLevel: 'error',
  runAdminServer: false,
});
const placeOrder = DBOS.registerWorkflow(
  async () => {
    for (const name of steps) await DBOS.runStep(async () => 'ok', { name });
    return 'COMPLETED';
  },
  { name: 'placeOrder' },
);
await DBOS.launch();

createServer((request, response) => {
  request.resume();
  placeOrder().then(
    (state) => response.end(JSON.stringify(state)),
    (error) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
