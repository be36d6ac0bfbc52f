import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { spawnTool, unusedAddress } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { createCaller } from '../../scripts/ordermesh/verify-participant/caller.ts';
import { createTestData } from '../../scripts/ordermesh/verify-participant/test-data.ts';
import { rulesOf } from '../../scripts/ordermesh/verify-participant/verify.ts';
import { participantOf, resultLines } from '../../scripts/ordermesh/verify-participant/verify-participant.ts';
import { startPlantedInventory } from './testing/planted-inventory.ts';
import { startPlantedShipping } from './testing/planted-shipping.ts';

async function planted(start: typeof startPlantedShipping, breaks?: string): Promise<string> {
  const server = await start(breaks);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server.address;
}

const plantedShipping = (breaks?: string) => planted(startPlantedShipping, breaks);

const verify = (...args: string[]) => spawnTool('verify-participant', 'unused:1', args);

/** Ends a call as a server does that describes no error. */
function endUnavailable(stream: ServerHttp2Stream): void {
  stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '14' }, { endStream: true });
}

describe('verify-participant', () => {
  it('prints what was expected of a broken rule, what came, and the calls with their request ids', async () => {
    const { code, lines } = await verify(await plantedShipping('undone-is-final'), '--contract', 'shipping');
    expect(code).toBe(1);
    const at = lines.findIndex((line) => line.startsWith('BROKEN'));
    expect(lines.slice(at, at + 4)).toEqual([
      'BROKEN  undone-is-final: CreateShipment is refused once the order was undone',
      '  expected  CreateShipment to answer FAILED_PRECONDITION SHIPMENT_CANCELLED (the step was undone)',
      expect.stringMatching(/^ {2}got {7}OK \{"id":.*"state":"SHIPMENT_STATE_BOOKED"/),
      '  calls',
    ]);
    const calls = lines.slice(at + 4).filter((line) => line.startsWith('    '));
    expect(calls).toEqual([
      expect.stringMatching(/^ {4}CreateShipment \{"requestId":"[0-9a-f-]{36}","orderId":"verify-.* -> OK /),
      expect.stringMatching(/^ {4}CancelShipment \{"requestId":"[0-9a-f-]{36}","orderId":"verify-.* -> OK /),
      expect.stringMatching(/^ {4}CreateShipment \{"requestId":"[0-9a-f-]{36}","orderId":"verify-.* -> OK /),
    ]);
    expect(lines.at(-2)).toMatch(/^\d+ rules: \d+ kept, 1 broken, 4 not checked$/);
  });

  it('prints only the calls of the order that breaks a rule for many orders', async () => {
    const { lines } = await verify(await planted(startPlantedInventory, 'concurrent-undo'), '--contract', 'inventory');
    const at = lines.findIndex((line) => line.startsWith('BROKEN  concurrent-undo'));
    const [, expected, , heading = '', ...rest] = lines.slice(at);
    const [order = 'none'] = expected?.match(/verify-\w+-\d+/) ?? [];
    expect(heading).toMatch(new RegExp(`^  calls for .*\\b${order}, .*\\d+ in all$`));
    const calls = rest.slice(
      0,
      rest.findIndex((line) => !line.startsWith('    ')),
    );
    const changes = calls.filter((line) => /(Reserve|Release)Stock/.test(line));
    expect(changes.length).toBeGreaterThan(1);
    expect(changes.filter((line) => !line.includes(`"${order}"`))).toEqual([]);
  });

  it('prints equal calls in a row as one line, and their number', () => {
    const failure = { code: Status.UNAVAILABLE, reason: 'X', message: 'down', metadata: {}, response: {} };
    const call = (method: string) => ({ method, request: { orderId: 'a' }, isSent: true, ...failure });
    const calls = [...Array.from({ length: 20 }, () => call('Charge')), call('Refund')];
    const result = { rule: 'r', promise: 'p', result: 'broken', expected: 'e', actual: 'a', about: '', calls } as const;
    const text = '{"orderId":"a"} -> UNAVAILABLE X: down (a saga retries this)';
    expect(resultLines(result).slice(3)).toEqual(['  calls', `    20 x Charge ${text}`, `    Refund ${text}`]);
  });

  it('names the code and the reason of a refusal that differs', async () => {
    const { lines } = await verify(await plantedShipping('undo-of-unknown'), '--contract', 'shipping');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}got {7}NOT_FOUND SHIPMENT_NOT_FOUND: refused as /));
  });

  it('prints a line of JSON for each rule with --json', async () => {
    const { code, lines } = await verify(await plantedShipping('undo-once'), '--contract', 'shipping', '--json');
    expect(code).toBe(1);
    const results = lines.map((line) => JSON.parse(line));
    expect(results.at(-1)).toEqual({ leaves: expect.stringMatching(/^cancelled shipments of orders verify-/) });
    expect(results.find(({ rule }) => rule === 'durable')).toEqual({
      rule: 'durable',
      promise: expect.stringContaining('CreateShipment'),
      result: 'not checked',
      expected: 'needs --restart',
      actual: '',
      calls: [],
    });
    const broken = results.find(({ result }) => result === 'broken');
    expect(broken).toMatchObject({ rule: 'undo-once', actual: expect.stringMatching(/^FAILED_PRECONDITION/) });
    expect(broken.calls.at(-1)).toMatchObject({
      method: 'CancelShipment',
      request: { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/), orderId: expect.stringMatching(/^verify-/) },
      code: 'FAILED_PRECONDITION',
      reason: 'SHIPMENT_CANCELLED',
    });
  });

  it('exits with 3 if nothing answers at the address', async () => {
    const address = await unusedAddress();
    const { code, errors } = await verify(address, '--contract', 'payment');
    expect(code).toBe(3);
    expect(errors).toBe(
      `the server at ${address} cannot be reached or does not speak gRPC: start it, or check the address\n`,
    );
  });

  it.each([
    ['does not answer', createHttp2(), 'does not answer GetPayment (DEADLINE_EXCEEDED): check its log'],
    ['is unavailable', createHttp2().on('stream', endUnavailable), 'does not answer GetPayment (UNAVAILABLE): check'],
    ['does not speak gRPC', createServer(), 'cannot be reached or does not speak gRPC: start it, or check the address'],
  ])('exits with 3 if the server %s', async (_, server, problem) => {
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, errors } = await verify(address, '--contract', 'payment', '--deadline-ms', '2000');
    expect(code).toBe(3);
    expect(errors).toContain(`the server at ${address} ${problem}`);
  });

  it('exits with 4 if the server does not serve the contract', async () => {
    const address = await plantedShipping();
    const { code, errors } = await verify(address, '--contract', 'inventory');
    expect(code).toBe(4);
    expect(errors).toMatch(`the server at ${address} does not serve inventory.v1: check the address and --contract`);
  });

  it.each([
    [['127.0.0.1:1'], '--contract must be inventory, payment or shipping'],
    [['127.0.0.1:1', '--contract', 'order'], '--contract must be inventory, payment or shipping'],
    [['--contract', 'payment'], 'needs the address of one server: <host:port>'],
    [['nowhere', '--contract', 'payment'], 'invalid address "nowhere": use <host>:<port>'],
    [['127.0.0.1:1', '--contract', 'payment', '--refused-country', 'AQ'], '--refused-country is only for'],
    [['127.0.0.1:1', '--contract', 'payment', '--deadline-ms', 'soon'], 'invalid --deadline-ms'],
  ])('refuses wrong arguments: %j', async (args, problem) => {
    const { code, errors } = await verify(...args);
    expect(code).toBe(2);
    expect(errors).toContain(problem);
  });

  describe('with make', () => {
    /** Runs the target without its prerequisite, which may install packages. */
    function make(...variables: string[]): { readonly status: number | null; readonly output: string } {
      const args = ['--no-print-directory', '-o', 'node_modules/.package-lock.json', 'verify-participant'];
      const options = { env: { PATH: process.env.PATH }, encoding: 'utf8' } as const;
      const { status, stdout, stderr } = spawnSync('make', [...args, ...variables], options);
      return { status, output: stdout + stderr };
    }

    it('checks the server at PARTICIPANT', async () => {
      const address = await unusedAddress();
      const { status, output } = make(`PARTICIPANT=${address}`, 'CONTRACT=shipping', 'ADDRESS=127.0.0.1:50051');
      expect(status).not.toBe(0);
      expect(output).toContain(`the server at ${address} cannot be reached`);
    });

    it('refuses ADDRESS, the address of the mesh, in place of PARTICIPANT', () => {
      const { status, output } = make('ADDRESS=127.0.0.1:50051', 'CONTRACT=shipping');
      expect(status).not.toBe(0);
      const problem = 'needs the address of one server: <host:port>, with make PARTICIPANT=<host:port>';
      expect(output).toContain(`${problem}; ADDRESS is the address of the mesh\n`);
    });
  });

  it.each([
    [[], /^it leaves cancelled shipments of orders verify-/],
    [['--json'], /^\{"leaves":"cancelled shipments of orders verify-/],
  ])('exits with 2 if the restart command fails, after it has cleaned up: %j', async (options, last) => {
    const address = await plantedShipping();
    const { code, lines, errors } = await verify(address, '--contract', 'shipping', '--restart', 'exit 7', ...options);
    expect(code).toBe(2);
    expect(errors).toContain("--restart 'exit 7' ended with exit code 7: fix it");
    expect(lines.at(-1)).toMatch(last);
  });

  it('exits with 1 if a method that prepares the test fails, and breaks no rule for it', async () => {
    const address = await planted(startPlantedInventory, 'no-items');
    const { code, lines } = await verify(address, '--contract', 'inventory');
    expect(code).toBe(1);
    expect(lines.find((line) => line.includes('takes-effect'))).toMatch(
      /^- .* \(not checked: needs CreateItem; got UNIMPLEMENTED /,
    );
    expect(lines.at(-2)).toMatch(/^\d+ rules: [23] kept, 0 broken, \d+ not checked$/);
  });

  it('explains each of its rules in docs/participants.md', async () => {
    const page = await readFile(new URL('../../docs/participants.md', import.meta.url), 'utf8');
    const caller = createCaller('unused:1', 1);
    const rules = ['inventory', 'payment', 'shipping'].flatMap((contract) =>
      rulesOf(participantOf(contract, caller, createTestData())).map(({ name }) => name),
    );
    caller.close();
    expect([...rules, 'in-time'].filter((rule) => !page.includes(`\`${rule}\``))).toEqual([]);
  });
});
