import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { bridgeService } from '../../../services/bridge/service.ts';
import { paymentService } from '../../../services/payment/service.ts';
import { userService } from '../../../services/user/service.ts';
import { runHere } from '../testing/run-here.ts';
import { spawnTool } from '../testing/spawn-tool.ts';
import { callCommand } from './call.ts';

describe('ordermesh', () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await startMesh([userService, paymentService, bridgeService]);
  });
  afterAll(() => mesh.stop());

  const run = (command: string, ...args: string[]) => spawnTool(command, mesh.address, args);
  const call = (...args: string[]) => run('call', ...args);

  /** Runs `call` with standard input that comes when it already waits for it. Resolves with what it prints. */
  async function callWithInput(input: string, ...args: string[]): Promise<string> {
    const env = { ...process.env, ADDRESS: mesh.address };
    const running = promisify(execFile)(process.execPath, ['scripts/ordermesh.ts', 'call', ...args], { env });
    await setTimeout(3_000);
    running.child.stdin?.end(input);
    return (await running).stdout;
  }

  describe('call', () => {
    it('calls a unary method and prints its response', async () => {
      const created = await call(
        'user.v1.UserService/CreateUser',
        '{"user":{"id":"ada","name":"Ada","email":"ada@x.org"}}',
      );
      expect(created).toMatchObject({ code: 0, errors: '' });
      expect(JSON.parse(created.lines.join('\n'))).toMatchObject({ id: 'ada', email: 'ada@x.org', etag: '1' });
      expect((await call('/user.v1.UserService.GetUser', '{"id":"ada"}')).lines).toContain('  "name": "Ada",');
    });

    it('calls a method of gRPC itself, as the README does', async () => {
      const { code, lines } = await call('grpc.health.v1.Health/Check', '{"service": "user.v1.UserService"}');
      expect({ code, lines }).toEqual({ code: 0, lines: ['{', '  "status": "SERVING"', '}'] });
    });

    it('prints the messages of a stream as JSON lines', async () => {
      const users = ['b1', 'b2'].map((id) =>
        JSON.stringify({ user: { id, name: id, email: `${id}@x.org`, role: 'b' } }),
      );
      const imported = await callWithInput(users.join('\n'), 'user.v1.UserService/ImportUsers', '@');
      expect(imported).toBe('{\n  "imported": "2",\n  "failures": []\n}\n');
      const listed = await call('user.v1.UserService/ListUsers', '{"role":"b"}');
      expect(listed.code).toBe(0);
      expect(listed.lines.map((line) => JSON.parse(line).id)).toEqual(['b1', 'b2']);
    });

    it.each([
      ['9007199254740993', '9007199254740993'],
      ['9223372036854775807', '9223372036854775807'],
      ['9.007199254740993e15', '9007199254740993'],
    ])('sends the number %s without loss', async (number, minorUnits) => {
      const service = 'payment.v1.AccountService';
      const id = `account-${number}`;
      const run = (method: string, json: string) =>
        runHere(callCommand, mesh.address, [`${service}/${method}`, json.replace('{', `{"account_id":"${id}",`)]);
      await run('OpenAccount', '{"currency_code":"USD"}');
      const { code, lines, errors } = await run(
        'Deposit',
        `{"amount":{"currency_code":"USD","minor_units":${number}}}`,
      );
      expect({ code, errors }).toEqual({ code: 0, errors: '' });
      expect(JSON.parse(lines.join(''))).toMatchObject({ balance: { minorUnits } });
    });

    it('prints code, message and details of an error, and exits with 4', async () => {
      expect(await call('user.v1.UserService/GetUser', '{"id":"nobody"}')).toEqual({
        code: 4,
        lines: [''],
        errors: `NOT_FOUND: user "nobody" not found: check the id or create the user
  google.rpc.ErrorInfo {"reason":"USER_NOT_FOUND","domain":"ordermesh","metadata":{"id":"nobody"}}
`,
      });
      const { errors } = await call('user.v1.UserService/CreateUser', '{"user":{"id":"no id"}}', '--json');
      expect(JSON.parse(errors)).toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: [
          { reason: 'INVALID_FIELD' },
          { '@type': 'google.rpc.BadRequest', fieldViolations: expect.any(Array) },
        ],
      });
    });

    it('exits with 3 if the mesh does not serve the call', async () => {
      await using folder = await tempFolder();
      const lost = await startMesh([userService], { DATA_DIR: folder.path });
      await rm(join(folder.path, 'user.db'));
      const args = ['user.v1.UserService/CreateUser', '{"user":{"id":"ada","name":"Ada","email":"ada@x.org"}}'];
      const { code, errors } = await spawnTool('call', lost.address, args);
      await lost.stop();
      expect(errors).toMatch(/^UNAVAILABLE: .*\n.*STORAGE_LOST/);
      expect(code).toBe(3);
    });

    it('sends headers, and ends at the requested time', async () => {
      const started = performance.now();
      const { code, errors } = await call(
        'events.v1.EventService/Subscribe',
        '{"topic":"user.events"}',
        '--timeout=0.5',
        '--header=x-request-id: a',
      );
      expect({ code, errors }).toEqual({ code: 3, errors: 'DEADLINE_EXCEEDED: --timeout ended the call\n' });
      expect(performance.now() - started).toBeLessThan(30_000);
    });

    it.each([
      [
        ['user.v1.UserService/GetUser', '{"idx":"ada"}'],
        '^invalid request: idx: is not a field of user.v1.GetUserRequest; see "npx ordermesh describe user.v1.GetUserRequest"\n$',
      ],
      [
        ['events.v1.EventService/Subscribe', '{"topic":"user.events","start":"START_FOO"}'],
        '^invalid request: start: must be one of START_UNSPECIFIED, START_BEGINNING, START_LATEST; see ',
      ],
      [['user.v1.UserService/GetUser', '{"id":"a","id":"b"}'], 'invalid request: id: is given more than once'],
      [['user.v1.UserService/GetUser', '["ada"]'], 'invalid request: request: must be an object, not an array'],
      [
        ['user.v1.UserService/ImportUsers', '[{"user":{"id":"a"}},{"user":{"id":1}}]'],
        'invalid request: user.id: must be a string, not a number',
      ],
      [['user.v1.UserService/GetUser', '{"id'], 'the request is not valid JSON: it ends too early'],
      [['user.v1.UserService/GetUsers'], 'has no method GetUsers: see "npx ordermesh list user.v1.UserService"'],
      [['user.v2.UserService/GetUser'], 'the mesh has no user.v2.UserService: see "npx ordermesh list"'],
      [
        ['user.v1.UserService', '{}'],
        'user.v1.UserService is a service: name one of its methods, see "npx ordermesh list',
      ],
      [['GetUser'], 'invalid method GetUser: use <service>/<method>'],
      [['user.v1.UserService/GetUser', '{}', '--timeout', 'soon'], 'invalid --timeout soon: use seconds'],
    ])('refuses %j before it calls, and exits with 2', async (args, problem) => {
      const { code, errors } = await runHere(callCommand, mesh.address, args);
      expect(code).toBe(2);
      expect(errors).toMatch(new RegExp(problem));
    });

    it('exits with 3 if the mesh cannot be reached', async () => {
      const { code, errors } = await spawnTool('call', '127.0.0.1:1', ['user.v1.UserService/GetUser']);
      expect({ code, errors }).toEqual({
        code: 3,
        errors: 'the mesh at 127.0.0.1:1 cannot be reached: run "make start" in another terminal, or set ADDRESS\n',
      });
    });
  });

  describe('make call', { timeout: 60_000 }, () => {
    /** Runs the target without its prerequisite, which may install packages. */
    async function makeCall(...variables: string[]): Promise<string> {
      const args = ['--no-print-directory', '-o', 'node_modules/.package-lock.json', 'call', ...variables];
      const env = { PATH: process.env.PATH, ADDRESS: mesh.address };
      return (await promisify(execFile)('make', args, { env })).stdout;
    }

    it('passes METHOD and DATA on as they are, whatever characters they have', async () => {
      const user = { id: 'quoted', name: `Ada's "x"; \`id\` & * \\ #`, email: 'quoted@x.org' };
      const created = await makeCall('METHOD=user.v1.UserService/CreateUser', `DATA=${JSON.stringify({ user })}`);
      expect(JSON.parse(created)).toMatchObject(user);
      const found = await makeCall('METHOD=user.v1.UserService/GetUser', 'DATA={"id": "quoted"}', 'ARGS=--timeout 20');
      expect(JSON.parse(found)).toMatchObject(user);
    });

    it('lists the services if METHOD is missing or empty', async () => {
      for (const variables of [[], ['METHOD=']])
        expect((await makeCall(...variables)).split('\n')).toContain('user.v1.UserService');
    });
  });

  it('lists services and methods', async () => {
    expect((await run('list')).lines).toEqual(
      expect.arrayContaining(['events.v1.EventService', 'user.v1.UserService']),
    );
    expect((await call()).lines).toContain('user.v1.UserService');
    expect((await run('list', 'user.v1.UserService')).lines).toContain('user.v1.UserService/GetUser');
    expect(await run('list', 'user.v1.User')).toMatchObject({ code: 2 });
  });

  it('describes services, methods and messages with their comments', async () => {
    const { lines } = await run('describe', 'user.v1.UserService/GetUser');
    expect(lines).toContain('rpc GetUser(user.v1.GetUserRequest) returns (user.v1.User);');
    expect(lines).toContain('  // Id of the user.');
    expect((await run('describe', 'user.v1.UserService')).lines).toContainEqual(
      expect.stringContaining('rpc ImportUsers(stream user.v1.ImportUsersRequest)'),
    );
    expect((await run('describe', 'events.v1.SubscribeRequest')).lines).toEqual(
      expect.arrayContaining(['  oneof from {', '    events.v1.Start start = 2;']),
    );
    expect(await run('describe', 'user.v1.Nothing')).toMatchObject({ code: 2 });
  });
});
