import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { openApiPythonBin, schemathesis } from '../../../mesh/testing/servers/openapi-tools.ts';
import { startMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { allServices } from '../../../services/all.ts';

/** How long requests are made, in seconds. */
const maxSeconds = 180;

/** It has no end unless its caller leaves, which schemathesis does not. */
const endless = 'EventService_Subscribe';

const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'allow_header_conformance',
  'unsupported_method',
];

/**
 * Calls a mesh with requests that schemathesis makes of its OpenAPI document, valid and invalid ones, and prints what it finds: a
 * status of 5xx, and any answer that the document does not have. Returns the number of faults.
 */
export async function verifyOpenApi(): Promise<number> {
  if (schemathesis.version === undefined) throw new Error('schemathesis is not installed: run "make deps-edge"');
  await using folder = await tempFolder();
  const mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  try {
    const url = `http://${mesh.httpAddress}`;
    await seed(url);
    const { status, output } = await run(url, folder.path);
    const summary = output.slice(output.search(/^=+ SUMMARY =+$/m));
    const left = operationsLeft(summary);
    console.log(status === 0 ? summary : output);
    if (left !== 0) console.log(`FAULT: ${left} operations were not called: the time was too short`);
    return status === 0 && left === 0 ? 0 : 1;
  } finally {
    await mesh.stop();
  }
}

/** How many of the selected operations were not called when the time was up, which schemathesis takes for a success. */
export function operationsLeft(summary: string): number {
  const [, selected, tested] = /^API Operations:\s+Selected: (\d+)\/\d+\s+Tested: (\d+)$/m.exec(summary) ?? [];
  return selected === undefined ? Number.NaN : Number(selected) - Number(tested);
}

/** Creates what the examples of the document name, so calls reach more than a 404. */
async function seed(url: string): Promise<void> {
  const address = { recipient: 'Ada Lovelace', lines: ['Unter den Linden 1'], city: 'Berlin', countryCode: 'DE' };
  const price = { currencyCode: 'USD', minorUnits: '1999' };
  const items = [{ sku: 'sku-1', quantity: 1 }];
  const requests: readonly (readonly [string, object])[] = [
    ['/api/users', { id: 'user-1', name: 'Ada Lovelace', email: 'user-1@example.com' }],
    ['/api/items', { sku: 'sku-1', name: 'Teapot', unitPrice: price, onHand: '1000' }],
    ['/api/accounts', { accountId: 'user-1', currencyCode: 'USD' }],
    ['/api/accounts', { accountId: 'account-1', currencyCode: 'USD' }],
    ['/api/accounts/user-1:deposit', { amount: { ...price, minorUnits: '1000000' } }],
    ['/api/orders', { userId: 'user-1', items, shippingAddress: address }],
  ];
  for (const [path, body] of requests) {
    const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  }
}

async function run(url: string, cwd: string): Promise<{ status: number | null; output: string }> {
  const args = [
    ['run', `${url}/api/openapi.json`, '--url', url],
    ['--checks', checks.join()],
    ['--exclude-operation-id', endless],
    ['--phases', 'examples,coverage,fuzzing', '--max-examples', '20', '--max-time', `${maxSeconds}`],
    // One worker: with more, Python 3.11 fails now and then (AST constructor recursion depth mismatch).
    ['--continue-on-failure', '--request-timeout', '30', '--workers', '1', '--warnings', 'off', '--no-color'],
    // A time that the caller makes too short is a 504, and no fault.
    ['--header', 'Request-Timeout: 30'],
  ];
  const child = spawn(`${openApiPythonBin}/schemathesis`, args.flat(), { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { status, output };
}
