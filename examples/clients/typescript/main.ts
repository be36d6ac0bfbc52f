// Calls a running mesh and prints one line for each behaviour in ../README.md.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect, type Run } from './connect.ts';
import { credentialBehaviours, missingSetting } from './credentials.ts';
import {
  badRequest,
  cancel,
  checkHealth,
  deadline,
  errorInfo,
  reflectV1,
  reflectV1Alpha,
  serviceConfig,
} from './protocol.ts';
import { createUser, importUsers, listUsers, placeAndWatch, subscribe } from './services.ts';

interface Behaviour {
  readonly name: string;
  readonly show: (run: Run) => Promise<void>;
  readonly needsCuts?: boolean;
}

const behaviours: readonly Behaviour[] = [
  { name: 'create-user', show: createUser },
  { name: 'import-1000', show: importUsers },
  { name: 'list-resume', show: listUsers, needsCuts: true },
  { name: 'place-and-watch', show: placeAndWatch },
  { name: 'bad-request', show: badRequest },
  { name: 'error-info', show: errorInfo },
  { name: 'deadline', show: deadline },
  { name: 'cancel', show: cancel },
  { name: 'health', show: checkHealth },
  { name: 'reflection-v1', show: reflectV1 },
  { name: 'reflection-v1alpha', show: reflectV1Alpha },
  { name: 'subscribe-resume', show: subscribe, needsCuts: true },
  { name: 'service-config', show: serviceConfig },
];

const address = process.env.ADDRESS || 'localhost:50051';
if (process.argv[2] === 'credentials') {
  const missing = missingSetting();
  if (missing !== undefined) {
    console.error(`set ${missing}: examples/clients/README.md shows how`);
    process.exit(1);
  }
  for (const { name, show } of credentialBehaviours) await showBehaviour(name, () => show(address));
  process.exit();
}
const cutAddress = process.env.CUT_ADDRESS;
const defaultConfig = new URL('../../../gen/service-config/ordermesh.json', import.meta.url);
const config = await readFile(process.env.SERVICE_CONFIG || defaultConfig, 'utf8');
const run: Run = {
  id: `ts-${randomUUID().slice(0, 13)}`,
  address,
  config,
  mesh: connect(address, config),
  cut: connect(cutAddress || address, config),
};

for (const { name, show, needsCuts } of behaviours) {
  if (needsCuts && !cutAddress) {
    console.log(`skipped ${name}: CUT_ADDRESS is not set`);
    continue;
  }
  await showBehaviour(name, () => show(run));
}
run.mesh.close();
run.cut.close();

async function showBehaviour(name: string, show: () => Promise<void>): Promise<void> {
  try {
    await show();
    console.log(`ok ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : error}`);
  }
}
