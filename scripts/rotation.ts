import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { readAccess } from '../examples/support/access.ts';
import { createClients } from '../mesh/app/program-clients.ts';
import { messageOf } from '../mesh/errors/error-text.ts';
import { openStorage } from '../mesh/storage/open.ts';
import { freePort } from '../mesh/testing/servers/free-port.ts';
import { startSimulatedCarrier } from '../services/shipping/carrier/simulated-carrier.ts';
import { certsFolderOf, openCertsFolder } from './certs/certs-folder.ts';
import { isClean, verifyRolling } from './rolling/run.ts';
import { startSplitMesh } from './rolling/split-mesh.ts';
import { reportLines } from './rolling/table.ts';
import { letExpire } from './rotation/expiry.ts';
import { createRotation, rotationPhases } from './rotation/rotate.ts';
import { openLocalIssuer } from './tokens/local-issuer.ts';

// `make verify-rotation`: starts a mesh of many processes with certificates and tokens, replaces all certificates every
// 2 s for SECONDS=60 under load by gRPC and REST, then the CA, and prints how many calls failed and what the orders
// did. Then lets the certificate of the report service expire, and renews it.

const { SECONDS = '60', REPLICAS = '1', LOG_LEVEL = 'warn' } = process.env;
const dataDir = join(process.env.DATA_DIR || 'data', 'rotation');
const log = join(dataDir, 'log');
/** Longer than a restart of the service takes. */
const lastLifeMs = 60_000;

try {
  await mkdir(dataDir, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const storage = stack.adopt(await openStorage(`sqlite:${join(dataDir, 'carrier.db')}`), ({ close }) => close());
  const carrier = await startSimulatedCarrier(storage);
  stack.defer(carrier.close);
  const environment = {
    CARRIER_URL: carrier.url,
    REPLICAS,
    LOG_LEVEL,
    TLS: '1',
    AUTH: '1',
    GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
    HTTP_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  console.log(`starting a mesh with certificates and tokens; its log is ${log}`);
  await using mesh = await startSplitMesh({ dataDir, log, environment });
  const certs = openCertsFolder(certsFolderOf({ DATA_DIR: dataDir }));
  const token = await openLocalIssuer(dataDir).sign({
    subject: 'operator',
    roles: ['operator', 'admin'],
    lifetimeMs: 24 * 3_600_000,
  });
  // Callers read what they trust once.
  certs.addCa();
  await sleep(3_000);
  const access = { TLS_CA: certs.ca, ORDERMESH_TOKEN: token };
  const rotate = createRotation({ certs, seconds: Number(SECONDS) });
  const result = await verifyRolling(
    { ...mesh, restart: rotate },
    {
      services: rotationPhases,
      access,
      ordersPerSecond: 2,
      ghzCallsPerSecond: 50,
      quietMs: 3_000,
      liveShipments: carrier.liveShipments,
      say: console.log,
    },
  );
  for (const line of reportLines(result)) console.log(line);

  const { address } = mesh;
  const clients = await createClients(address, { ...readAccess(access, address), logLevel: 'silent' });
  stack.defer(clients.close);
  const reports = clients.client(OrderReportServiceContract);
  const logBefore = readFileSync(log, 'utf8').length;
  const expired = await letExpire({
    certs,
    service: 'report',
    lifeMs: lastLifeMs,
    restart: () => mesh.restart('report'),
    call: () => Array.fromAsync(reports.listBestSellers({ limit: 1 })),
    log: () => readFileSync(log, 'utf8').slice(logBefore),
  });
  const seconds = (ms: number | undefined) =>
    ms === undefined ? 'not within a minute' : `${(ms / 1_000).toFixed(1)} s`;
  console.log(`\nreport, whose certificate expired: refused after ${seconds(expired.refusedAfterMs)}`);
  console.log(`  logged: ${expired.logged ?? 'nothing'}`);
  console.log(`  serves again after its renewal: ${seconds(expired.backAfterMs)}`);
  const { refusedAfterMs, logged, backAfterMs } = expired;
  const isSeen = [refusedAfterMs, logged, backAfterMs].every((found) => found !== undefined);
  process.exitCode = isClean(result) && isSeen ? 0 : 1;
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}
